"""Artifact stores that each break one promise."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import pytest

from airflow_provider_pipes.artifacts.component import BaseArtifactStore, BaseArtifactStoreConfig
from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.remote import FsspecStorage
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.errors import StoreUnreachableError
from airflow_provider_pipes.stack.connections import ConnectionResolver
from airflow_provider_pipes.testing import ArtifactStoreContract
from airflow_provider_pipes.testing.artifact_stores import OpenStore


class LooksThenWrites(LocalStorage):
    def create(self, path: str, data: bytes) -> bool:
        if self.exists(path):
            return False
        time.sleep(0.01)
        self.write(path, data)
        return True


class WritesInPlace(LocalStorage):
    def write(self, path: str, data: bytes) -> None:
        target = self.local_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb", buffering=0) as file:
            for start in range(0, len(data), 65_536):
                file.write(data[start : start + 65_536])
                time.sleep(0.001)


class CreateReplaces(LocalStorage):
    def create(self, path: str, data: bytes) -> bool:
        self.write(path, data)
        return True


class ListsFromMemory(LocalStorage):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._listings: dict[str, list[str]] = {}

    def list(self, path: str = "") -> list[str]:
        return self._listings.setdefault(path, super().list(path))


class CallsEverythingAnOutage(LocalStorage):
    def read(self, path: str) -> bytes:
        if not self.exists(path):
            raise StoreUnreachableError("404")
        return super().read(path)


class DecodesNames(LocalStorage):
    def local_path(self, path: str) -> Path:
        return super().local_path(unquote(path))


class CutsLargeFiles(LocalStorage):
    def upload(self, local: Path, path: str) -> None:
        super().upload(local, path)
        if local.is_file():
            target = self.local_path(path)
            target.write_bytes(target.read_bytes()[: 8 * 1024 * 1024])


class RemovesByPrefix(LocalStorage):
    def remove(self, path: str) -> None:
        target = self.local_path(path)
        for each in target.parent.glob(f"{target.name}*"):
            super().remove(each.relative_to(self.root).as_posix())


class FindsByPrefix(LocalStorage):
    def exists(self, path: str) -> bool:
        target = self.local_path(path)
        return target.parent.is_dir() and any(target.parent.glob(f"{target.name}*"))


class TakesAnyPath(LocalStorage):
    def local_path(self, path: str) -> Path:
        return self.root / path.replace("\0", "").strip("/")

    def exists(self, path: str) -> bool:
        return self.local_path(path).exists()


class LosesEmptyFiles(LocalStorage):
    def upload(self, local: Path, path: str) -> None:
        super().upload(local, path)
        for each in self.local_path(path).rglob("*"):
            if each.is_file() and not each.stat().st_size:
                each.unlink()


class ReadsFromMemory(LocalStorage):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._contents: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        return self._contents.setdefault(path, super().read(path))


class DownloadsFromMemory(FsspecStorage):
    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._copies: dict[str, Path] = {}

    def download(self, path: str, local: Path) -> None:
        if path not in self._copies:
            self._copies[path] = Path(tempfile.mkdtemp()) / "copy"
            super().download(path, self._copies[path])
        copy = shutil.copytree if self._copies[path].is_dir() else shutil.copyfile
        copy(self._copies[path], local)


class HasAnotherAddress(LocalStorage):
    def full_uri(self, path: str) -> str:
        return f"elsewhere://{path}"


class _Suite(ArtifactStoreContract):
    broken: type[LocalStorage] = LocalStorage
    large_size = 9 * 1024 * 1024

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda: self.broken(tmp_path / "store")


class TestLooksThenWrites(_Suite):
    broken = LooksThenWrites


class TestWritesInPlace(_Suite):
    broken = WritesInPlace


class TestCreateReplaces(_Suite):
    broken = CreateReplaces


class TestListsFromMemory(_Suite):
    broken = ListsFromMemory


class TestCallsEverythingAnOutage(_Suite):
    broken = CallsEverythingAnOutage


class TestDecodesNames(_Suite):
    broken = DecodesNames


class TestCutsLargeFiles(_Suite):
    broken = CutsLargeFiles


class TestRemovesByPrefix(_Suite):
    broken = RemovesByPrefix


class TestFindsByPrefix(_Suite):
    broken = FindsByPrefix


class TestTakesAnyPath(_Suite):
    broken = TakesAnyPath


class TestLosesEmptyFiles(_Suite):
    broken = LosesEmptyFiles


class TestReadsFromMemory(_Suite):
    broken = ReadsFromMemory


class TestDownloadsFromMemory(_Suite):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        return lambda: DownloadsFromMemory("memory://downloads-from-memory")


class TestHasAnotherAddress(_Suite):
    broken = HasAnotherAddress


class HiddenStore(BaseArtifactStore):
    """Its address is not where it keeps things."""

    def uri(self, root: Path) -> str:
        return str(root / "somewhere")

    def storage(self, root: Path, resolver: ConnectionResolver | None = None) -> Storage:
        return LocalStorage(root / "elsewhere")


class TestHidden(_Suite):
    @pytest.fixture
    def component(self) -> HiddenStore:
        return HiddenStore("hidden", BaseArtifactStoreConfig())

    @pytest.fixture
    def open_store(self, component: HiddenStore, tmp_path: Path) -> OpenStore:
        return lambda: component.storage(tmp_path)
