from __future__ import annotations

import pytest

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.docker_builder import DockerImageBuilder
from airflow_provider_pipes.images.engine_silence import silence_of
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
