from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.storage import Storage, checked_path, explain, open_storage
from airflow_provider_pipes.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ConfigurationError,
    StoreUnreachableError,
)


def test_what_is_written_is_read(storage: Storage) -> None:
    storage.write("a/b/c.json", b"one")
    assert storage.read("a/b/c.json") == b"one"
    storage.write("a/b/c.json", b"")
    assert storage.read("a/b/c.json") == b""


def test_create_puts_a_file_once(storage: Storage) -> None:
    assert storage.create("runs/manifest.json", b"first")
    assert not storage.create("runs/manifest.json", b"second")
    assert storage.read("runs/manifest.json") == b"first"


def test_create_does_not_replace_what_write_put(storage: Storage) -> None:
    storage.write("x", b"first")
    assert not storage.create("x", b"second")
    assert storage.read("x") == b"first"


def test_reading_what_is_not_there_names_the_address(storage: Storage) -> None:
    with pytest.raises(ArtifactNotFoundError, match=r"nothing is stored at .*missing/file"):
        storage.read("missing/file")
    storage.write("file", b"")
    with pytest.raises(ArtifactNotFoundError):
        storage.read("file/below")


def test_exists_sees_files_and_folders(storage: Storage) -> None:
    assert not storage.exists("a")
    storage.write("a/b", b"")
    assert storage.exists("a")
    assert storage.exists("a/b")
    assert not storage.exists("a/b/c")
    assert not storage.exists("a/bb")


def test_list_gives_sorted_names_directly_below(storage: Storage) -> None:
    assert storage.list() == []
    for path in ("runs/b/1", "runs/b/2", "runs/a", "runs/c.json", "other"):
        storage.write(path, b"x")
    assert storage.list("runs") == ["a", "b", "c.json"]
    assert storage.list() == ["other", "runs"]
    assert storage.list("nowhere") == []
    assert storage.list("other") == []


def test_a_listing_shows_what_was_written_since_the_last_one(storage: Storage) -> None:
    other = open_storage(storage.uri, getattr(storage, "_options", None))
    other.write("runs/a", b"")
    assert storage.list("runs") == ["a"]
    other.write("runs/b", b"")
    assert storage.list("runs") == ["a", "b"]
    other.remove("runs/a")
    assert storage.list("runs") == ["b"]
    assert not storage.exists("runs/a")


def test_a_tree_comes_back_as_it_was(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    files = {"a[1]*?.txt": b"magic", "deep/er/é ü.bin": b"\0" * 100_000, "empty": b"", "deep/x%20y#z": b"%"}
    for name, content in files.items():
        (source / name).write_bytes(content)
    storage.upload(source, "payloads/tree")
    storage.download("payloads/tree", tmp_path / "back")
    back = {
        each.relative_to(tmp_path / "back").as_posix(): each.read_bytes()
        for each in (tmp_path / "back").rglob("*")
        if each.is_file()
    }
    assert back == files


def test_one_file_is_uploaded_and_downloaded(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "snapshot.zip").write_bytes(b"zip")
    storage.upload(tmp_path / "snapshot.zip", "code/1.zip")
    assert storage.read("code/1.zip") == b"zip"
    storage.download("code/1.zip", tmp_path / "deep" / "copy.zip")
    assert (tmp_path / "deep" / "copy.zip").read_bytes() == b"zip"


def test_downloading_what_is_not_there_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(ArtifactNotFoundError, match="nothing is stored"):
        storage.download("missing", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_remove_takes_files_and_trees_and_is_harmless_when_repeated(storage: Storage) -> None:
    storage.write("runs/a/1", b"")
    storage.write("runs/a/2", b"")
    storage.write("runs/ab", b"kept")
    storage.remove("runs/a")
    storage.remove("runs/a")
    assert not storage.exists("runs/a")
    assert not storage.exists("runs/a/1")
    assert storage.list("runs") == ["ab"]
    storage.remove("runs/ab")
    assert not storage.exists("runs/ab")


def test_the_full_address_opens_the_same_store(storage: Storage) -> None:
    storage.write("runs/a/value", b"v")
    again = open_storage(storage.full_uri("runs/a"), getattr(storage, "_options", None))
    assert again.read("value") == b"v"
    assert storage.full_uri("runs/a") == f"{storage.uri}/runs/a"


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "..", "a/../b", "a/./b", ".", "a\0b"])
def test_a_path_that_could_leave_the_store_is_refused(storage: Storage, path: str, tmp_path: Path) -> None:
    for use in (
        lambda: storage.read(path),
        lambda: storage.write(path, b""),
        lambda: storage.create(path, b""),
        lambda: storage.exists(path),
        lambda: storage.upload(tmp_path, path),
        lambda: storage.download(path, tmp_path / "x"),
        lambda: storage.remove(path),
        lambda: storage.local_path(path),
        lambda: storage.full_uri(path),
    ):
        with pytest.raises(ArtifactError, match="is no path in an artifact store"):
            use()


@given(st.text(alphabet="./a\\\0", max_size=12))
def test_no_accepted_path_leaves_the_root(path: str) -> None:
    root = Path("/store/root")
    try:
        accepted = checked_path(path)
    except ArtifactError:
        return
    inside = Path(f"{root}/{accepted}")
    assert ".." not in inside.parts
    assert inside.is_relative_to(root)
    assert inside != root


@pytest.mark.parametrize("uri", ["{}", "file://{}", "{}/"])
def test_plain_paths_and_file_addresses_are_local(uri: str, tmp_path: Path) -> None:
    storage = open_storage(uri.format(tmp_path / "with space%20"))
    assert isinstance(storage, LocalStorage)
    assert storage.local_path("a/b") == tmp_path / "with space%20" / "a" / "b"
    assert storage.uri == f"file://{tmp_path}/with space%20"


def test_a_relative_path_is_taken_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = open_storage(".pipes/artifacts")
    monkeypatch.chdir("/")
    assert storage.uri == f"file://{tmp_path}/.pipes/artifacts"


def test_other_addresses_are_remote_and_have_no_local_path() -> None:
    storage = open_storage("memory://bucket/folder/")
    assert isinstance(storage, FsspecStorage)
    assert storage.uri == "memory://bucket/folder"
    assert storage.local_path("a") is None
    assert repr(storage) == "FsspecStorage('memory://bucket/folder')"


def test_the_root_of_the_memory_file_system_is_a_store() -> None:
    storage = open_storage("memory://")
    storage.write("only-this-test/x", b"1")
    assert storage.list("only-this-test") == ["x"]
    assert storage.full_uri("a") == "memory://a"


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="holds a password") as caught:
        open_storage("sftp://me:hunter2@host/folder")
    assert "hunter2" not in str(caught.value)


def test_chained_addresses_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="give the address of the store itself"):
        open_storage("simplecache::s3://bucket")


def test_an_address_without_a_bucket_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="write it as 's3://bucket/folder'"):
        open_storage("s3://")


def test_options_for_a_local_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="takes no options; got key, secret"):
        open_storage(str(tmp_path), {"secret": 1, "key": 2})


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "no space is left there: free some"),
        (errno.EACCES, "access is denied: give this user"),
        (errno.EROFS, "mounted read-only"),
        (errno.EDQUOT, "quota is used up"),
    ],
)
def test_errors_that_will_stay_say_what_to_do(number: int, advice: str) -> None:
    explained = explain(OSError(number, "no"), "write", "/store/x")
    assert type(explained) is ArtifactError
    assert advice in str(explained)
    assert "'/store/x'" in str(explained)


@pytest.mark.parametrize("error", [OSError(errno.ESTALE, "stale"), OSError(errno.EIO, "io"), TimeoutError()])
def test_errors_that_may_pass_are_an_unreachable_store(error: OSError) -> None:
    explained = explain(error, "read", "/mnt/x")
    assert type(explained) is StoreUnreachableError
    assert "then try again" in str(explained)
