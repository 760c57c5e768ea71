from __future__ import annotations

import pytest

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.docker_builder import DockerImageBuilder
from airflow_provider_pipes.images.engine_silence import silence_of, silence_remedy
from airflow_provider_pipes.images.flavors import DockerImageBuilderConfig


def test_an_engine_that_does_not_answer_is_told_in_the_systems_words() -> None:
    builder = DockerImageBuilder("own", DockerImageBuilderConfig(host="tcp://127.0.0.1:9"), "docker")
    with pytest.raises(
        ImageError, match=r"no Docker engine answers at tcp://127\.0\.0\.1:9 \(Connection refused\)"
    ):
        builder.find("i:1")


def test_an_engine_that_is_slow_is_told_so() -> None:
    assert silence_of(TimeoutError("UnixHTTPConnectionPool: Read timed out. (read timeout=2)")) == (
        "no answer in time"
    )
    assert silence_of(ValueError("something else")) == "something else"


@pytest.mark.parametrize(
    ("url", "said", "reason", "remedy"),
    [
        (
            "tcp://nowhere.invalid:2375",
            "Failed to resolve 'nowhere.invalid' ([Errno -2] Name or service not known)",
            "Name or service not known",
            "correct the host in docker_url",
        ),
        (
            "tcp://engine:2376",
            "SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)'))",
            "TLS: wrong version number",
            "does it speak TLS, and are tls_ca_cert, tls_client_cert and tls_client_key those for it?",
        ),
        (
            "tcp://engine:2376",
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
            "Connection reset by peer",
            "does it speak TLS, and are tls_ca_cert, tls_client_cert and tls_client_key those for it?",
        ),
        (
            "tcp://engine:80",
            "Error while fetching server API version: Expecting value: line 1 column 1 (char 0)",
            "what answers there is no Docker engine",
            "is it running, does it listen at this address, and is docker_url right?",
        ),
        (
            "unix:///var/run/docker.sock",
            "('Connection aborted.', PermissionError(13, 'Permission denied'))",
            "Permission denied",
            "is it running, and may the worker's user reach it?",
        ),
    ],
)
def test_each_reason_has_its_remedy(url: str, said: str, reason: str, remedy: str) -> None:
    assert silence_of(OSError(said)) == reason
    assert silence_remedy(url, reason) == remedy
