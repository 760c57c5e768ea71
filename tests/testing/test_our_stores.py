"""Our own artifact stores hold to the contract that we ship."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStoreFlavor
from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.remote_flavors import FsspecArtifactStoreFlavor, S3ArtifactStoreFlavor
from airflow_provider_pipes.stack.connections import EnvironmentConnections
from airflow_provider_pipes.testing import ArtifactStoreContract
from airflow_provider_pipes.testing.artifact_stores import OpenStore
from tests.unit.artifacts.conftest import s3_options

__all__ = ["s3_options"]


class TestLocalStore(ArtifactStoreContract):
    flavor = LocalArtifactStoreFlavor

    @pytest.fixture
    def config_values(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"path": str(tmp_path / "store")}


class TestLocalStoreWithoutHardLinks(TestLocalStore):
    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr("os.link", refuse)


class TestMemoryStore(ArtifactStoreContract):
    flavor = FsspecArtifactStoreFlavor
    config = {"uri": "memory://contract/store"}  # noqa: RUF012 - as an author writes it


@pytest.mark.s3
class TestS3Store(ArtifactStoreContract):
    flavor = S3ArtifactStoreFlavor

    @pytest.fixture
    def config_values(self) -> Mapping[str, Any]:
        return {"uri": f"s3://bucket/{uuid.uuid4().hex}", "connection_id": "contract_s3"}

    @pytest.fixture
    def connections(self, s3_options: dict[str, Any]) -> EnvironmentConnections:
        extra = {"endpoint_url": s3_options["endpoint_url"], "region_name": "us-east-1"}
        connection = {
            "conn_type": "aws",
            "login": s3_options["key"],
            "password": s3_options["secret"],
            "extra": extra,
        }
        return EnvironmentConnections({"AIRFLOW_CONN_CONTRACT_S3": json.dumps(connection)})


@pytest.mark.s3
class TestS3StoreByS3fs(ArtifactStoreContract):
    @pytest.fixture
    def open_store(self, s3_options: dict[str, Any]) -> OpenStore:
        uri = f"s3://bucket/{uuid.uuid4().hex}"
        return lambda: FsspecStorage(uri, s3_options)
