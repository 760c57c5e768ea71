from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack import load_project


def store(folder: Path, **values: str) -> Any:
    lines = [f"{name} = {value!r}" for name, value in values.items()]
    (folder / "pipes.toml").write_text("\n".join(["[artifact_stores.local]", *lines]), encoding="utf-8")
    return artifact_store_of(load_project(folder).stack())


@pytest.mark.parametrize(
    ("path", "expected"),
    [("data", "/data"), ("./a/../data/", "/data"), ("/srv/../data", None)],
)
def test_a_local_path_starts_from_the_project(tmp_path: Path, path: str, expected: str | None) -> None:
    found = store(tmp_path, path=path).uri(tmp_path)
    assert found == (f"{tmp_path}{expected}" if expected else "/data")


def test_a_local_store_opens(tmp_path: Path) -> None:
    storage = store(tmp_path, path="data").storage(tmp_path)
    storage.write("a/b", b"hello")
    assert (tmp_path / "data/a/b").read_bytes() == b"hello"


@pytest.mark.parametrize("path", ["", "  ", "a\0b"])
def test_what_is_no_path_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "pipes.toml").write_text(
        f'[artifact_stores.local]\npath = "{path}"\n'.replace("\0", "\\u0000")
    )
    with pytest.raises(ConfigurationError, match="path: expected the path of a folder"):
        load_project(tmp_path).stack()


@pytest.mark.parametrize(
    ("flavor", "uri"),
    [
        ("s3", "s3://bucket/folder"),
        ("s3", "s3a://bucket"),
        ("gcs", "gs://bucket/a b"),
        ("abfs", "abfs://container@account.dfs.core.windows.net/folder"),
        ("fsspec", "memory://x"),
        ("fsspec", "sftp://user@host/folder"),
    ],
)
def test_a_url_is_the_address_of_a_remote_store(tmp_path: Path, flavor: str, uri: str) -> None:
    found = store(tmp_path, flavor=flavor, uri=f"{uri}/", connection_id="conn")
    assert (found.uri(tmp_path), found.connection_id) == (uri, "conn")


@pytest.mark.parametrize(
    ("flavor", "uri", "message"),
    [
        (
            "s3",
            "s3://key:hush@bucket",
            "credentials never stand in a URL; put them into an Airflow connection",
        ),
        ("s3", "s3://hush@bucket", "credentials never stand in a URL"),
        ("fsspec", "sftp://me:hush@host/x", "credentials never stand in a URL"),
        (
            "abfs",
            "abfs://c/x?sig=hush",
            "without '\\?' and '#'; what is secret or optional goes into an Airflow",
        ),
        ("s3", "gs://bucket/x", "expected a URL that begins with s3:// or s3a://, got gs://"),
        ("s3", "bucket/x", "expected a URL as 's3://bucket/folder'"),
        ("s3", "s3:///x", "expected a URL with a bucket or container, as 's3://bucket/folder'"),
        ("gcs", "gs://bucket/a/../b", "expected a URL without '..'"),
        ("fsspec", "simplecache::s3://bucket", "expected a URL as 'sftp://host/folder'"),
        ("fsspec", "sftp://[hush", "expected a URL as 'sftp://host/folder'"),
        ("fsspec", "file:///srv", "use flavor = 'local' and its path"),
    ],
)
def test_a_url_that_does_not_do_is_told_without_its_secrets(
    tmp_path: Path, flavor: str, uri: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        store(tmp_path, flavor=flavor, uri=uri)
    assert "hush" not in str(caught.value)


def test_a_store_without_its_connection_says_how_to_define_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TEAM", raising=False)
    found = store(tmp_path, flavor="s3", uri="s3://bucket", connection_id="team")
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_TEAM"):
        found.storage(tmp_path)


@pytest.mark.s3
def test_a_store_opens_with_the_credentials_of_its_connection(
    tmp_path: Path, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = s3_options["endpoint_url"].replace("://", "%3A%2F%2F")
    monkeypatch.setenv(
        "AIRFLOW_CONN_TEAM", f"aws://testing:testing@/?region_name=us-east-1&endpoint_url={address}"
    )
    storage = store(tmp_path, flavor="s3", uri="s3://bucket/team", connection_id="team").storage(tmp_path)
    assert storage.create("a/b", b"hello")
    assert storage.read("a/b") == b"hello"
