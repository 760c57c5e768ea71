from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import ConfigurationError, ImageError
from airflow_provider_pipes.images.flavors import DockerContainerRegistryConfig, LocalContainerRegistryConfig
from airflow_provider_pipes.images.registries import DockerContainerRegistry, LocalContainerRegistry
from airflow_provider_pipes.images.registry import TOKEN_USER
from airflow_provider_pipes.stack.connections import EnvironmentConnections


def registry(uri: str = "host:5000/team", connection_id: str | None = None) -> DockerContainerRegistry:
    config = DockerContainerRegistryConfig(uri=uri, connection_id=connection_id)
    return DockerContainerRegistry("r", config, "docker")


def connections(**values: object) -> EnvironmentConnections:
    return EnvironmentConnections({"AIRFLOW_CONN_IMAGES": json.dumps({"conn_type": "docker", **values})})


@pytest.mark.parametrize("host", [None, "host:5000", "https://host:5000/v2"])
def test_a_connection_has_the_login(host: str | None) -> None:
    found = registry(connection_id="images").access(connections(login="joe", password="pw", host=host))
    assert found is not None
    assert (found.server, found.username, found.password) == ("host:5000", "joe", "pw")
    assert found.who == "user 'joe' (connection 'images')"
    assert "pw" not in repr(found)


def test_a_port_may_stand_by_itself() -> None:
    values = {"login": "joe", "password": "pw", "host": "host", "port": 5000}
    assert registry(connection_id="images").access(connections(**values)) is not None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"login": "joe"}, "connection 'images' has no login and password for registry host:5000"),
        (
            {"login": "joe", "password": "pw", "host": "other"},
            "is for registry other, and .* begins with host:5000",
        ),
    ],
)
def test_a_connection_that_does_not_fit_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        registry(connection_id="images").access(connections(**values))


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_the_docker_config_file_has_the_login_where_no_connection_is_named(config_file: Path) -> None:
    login = base64.b64encode(b"joe:pw").decode()
    config_file.write_text(
        json.dumps({"auths": {"host:5000": {"auth": login}, "t": {"identitytoken": "tok"}}})
    )
    found = registry().access()
    assert found is not None
    assert (found.username, found.password, found.source) == ("joe", "pw", f"from {config_file}")
    token = registry("t").access()
    assert token is not None
    assert (token.username, token.password) == (TOKEN_USER, "tok")


def test_a_credential_helper_is_asked(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-pipes-test"
    helper.write_text(
        '#!/bin/sh\ncat >/dev/null\necho \'{"ServerURL": "host", "Username": "u", "Secret": "s"}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    config_file.write_text(json.dumps({"credHelpers": {"host:5000": "pipes-test"}}))
    found = registry().access()
    assert found is not None
    assert (found.username, found.password) == ("u", "s")
    config_file.write_text(json.dumps({"credHelpers": {"host:5000": "pipes-test-missing"}}))
    with pytest.raises(ImageError, match="the login for registry host:5000 can't be read from"):
        registry().access()


def test_where_no_login_comes_from_is_told(config_file: Path) -> None:
    found = registry().access()
    assert found is not None
    assert found.who == "no user (there is no docker config file; `docker login host:5000` makes one)"
    config_file.write_text("{}")
    found = registry().access()
    assert found is not None
    assert f"{config_file} has no login for it" in found.who


@pytest.mark.parametrize(
    ("uri", "insecure"),
    [("localhost:5000", True), ("127.0.0.1:5000/a", True), ("host", False), ("127.example.com", False)],
)
def test_tls_is_left_out_on_this_machine_only(config_file: Path, uri: str, insecure: bool) -> None:
    found = registry(uri).access()
    assert found is not None
    assert found.insecure == insecure


@pytest.mark.parametrize("uri", ["https://host", "joe:pw@host", "host/", "Host/Team", "host/a:tag", ""])
def test_an_address_of_a_registry_is_a_host_and_a_path(uri: str) -> None:
    with pytest.raises(
        ValueError, match=r"registry's address without|no address of an image registry"
    ) as caught:
        registry(uri)
    assert "joe:pw" not in str(caught.value)


def test_images_of_no_registry_stay_where_they_are() -> None:
    local = LocalContainerRegistry("local", LocalContainerRegistryConfig(), "local")
    assert local.access() is None
    assert local.image_name("a/b", "t") == "a/b:t"
    assert local.find("a/b:t", None) is None
