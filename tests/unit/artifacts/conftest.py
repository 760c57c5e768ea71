from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.storage import Storage, open_storage


@pytest.fixture(scope="session")
def s3_options() -> Iterator[dict[str, Any]]:
    """A server that speaks S3 on the loopback address, and what a store needs to reach it."""
    from tests.s3_server import LOGIN, s3_server

    with s3_server() as url:
        region = {"region_name": "us-east-1"}
        yield {"key": LOGIN, "secret": LOGIN, "endpoint_url": url, "client_kwargs": region}


@pytest.fixture
def s3_storage(s3_options: dict[str, Any]) -> Storage:
    return open_storage(f"s3://bucket/{uuid.uuid4().hex}", s3_options)


@pytest.fixture
def s3fs_storage(s3_options: dict[str, Any]) -> Storage:
    return FsspecStorage(f"s3://bucket/{uuid.uuid4().hex}", s3_options)


_ON_S3 = [pytest.param(name, marks=pytest.mark.s3) for name in ("s3", "s3fs")]


@pytest.fixture(params=["local", "memory", *_ON_S3])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param in ("s3", "s3fs"):
        stored: Storage = request.getfixturevalue(f"{request.param}_storage")
        return stored
    if request.param == "memory":
        return open_storage(f"memory://{uuid.uuid4().hex}/store")
    return open_storage(str(tmp_path / "store"))
