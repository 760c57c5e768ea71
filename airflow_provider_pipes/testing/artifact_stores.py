"""The contract of artifact stores."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from airflow_provider_pipes.artifacts.component import BaseArtifactStore
from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.artifacts.payloads import load_artifact, save_artifact
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.errors import ArtifactError, ArtifactNotFoundError, IntegrityError
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.connections import ConnectionResolver
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.testing.components import ComponentContract
from airflow_provider_pipes.testing.expectations import expect, expect_equal, expect_error, expect_no_error

_MEGABYTE = 1024 * 1024
_WRITERS = 4
_RACES = 12
_REWRITES = 12
_OUTSIDE = ("/a", "a/", "a//b", "..", "a/../b", "./a", "a\0b")

OpenStore = Callable[[], Storage]


class ArtifactStoreContract(ComponentContract):
    """Proves that a store keeps what it is given, whole, once, and for every process alike.

    Derive from it, name the flavor and its config, or override ``open_store`` to test a store without a
    flavor. The tests work in a folder of their own inside the store, and remove it afterwards.

    Attributes:
        large_size: Bytes of the large payload; above the size at which the backend uploads in parts.
        longest_name: Bytes that a name between two slashes may have at least.
    """

    kind = StackComponentType.ARTIFACT_STORE
    large_size: ClassVar[int] = 24 * _MEGABYTE
    longest_name: ClassVar[int] = 200

    @pytest.fixture
    def connections(self) -> ConnectionResolver | None:
        """Finds the store's connection; variables AIRFLOW_CONN_… do by default."""
        return None

    @pytest.fixture
    def open_store(
        self,
        request: pytest.FixtureRequest,
        tmp_path: Path,
        connections: ConnectionResolver | None,
    ) -> OpenStore:
        """Opens the same store each time that it is called, as one process after another does."""
        component: StackComponent = request.getfixturevalue("component")
        expect(
            isinstance(component, BaseArtifactStore),
            "the implementation derives from BaseArtifactStore",
            component,
        )
        return lambda: component.storage(tmp_path, connections)  # type: ignore[attr-defined]

    @pytest.fixture
    def storage(self, open_store: OpenStore) -> Storage:
        """The store, opened."""
        return open_store()

    @pytest.fixture
    def folder(self, storage: Storage) -> Iterator[str]:
        """A folder of the test's own in the store."""
        name = f"contract-{uuid.uuid4().hex}"
        yield name
        storage.remove(name)

    def test_the_address_and_the_connection_are_enough_to_open_it(
        self,
        component: BaseArtifactStore,
        storage: Storage,
        folder: str,
        tmp_path: Path,
        connections: ConnectionResolver | None,
    ) -> None:
        """A DAG file carries the store's URI and its connection's id, and nothing else of it."""
        storage.write(f"{folder}/x", b"content")
        uri, connection_id = component.uri(tmp_path), component.connection_id
        with expect_no_error(f"a worker opens the store by {uri!r} and connection {connection_id!r} alone"):
            found = open_store(uri, connection_id, connections).read(f"{folder}/x")
        expect_equal(found, b"content", f"{uri!r} leads a worker to the same store")

    def test_what_is_written_is_read_and_replaced(self, storage: Storage, folder: str) -> None:
        """``write`` puts a file in place of whatever was there, and ``read`` returns its bytes."""
        for content in (b"one", b"", b"\0\xff\r\n" * 100):
            storage.write(f"{folder}/a/b.bin", content)
            expect_equal(storage.read(f"{folder}/a/b.bin"), content, "read returns what was written last")

    def test_what_is_not_there_is_told_from_a_store_that_fails(
        self, storage: Storage, folder: str, tmp_path: Path
    ) -> None:
        """A missing file is an ArtifactNotFoundError, so that nobody takes an outage for one."""
        missing = f"{folder}/missing/file"
        with expect_error(ArtifactNotFoundError, "read of a missing file raises ArtifactNotFoundError"):
            storage.read(missing)
        with expect_error(ArtifactNotFoundError, "download of a missing file raises ArtifactNotFoundError"):
            storage.download(missing, tmp_path / "copy")
        expect(not (tmp_path / "copy").exists(), "a download that fails leaves nothing behind")
        expect_equal(storage.list(f"{folder}/missing"), [], "a missing folder lists as empty")
        expect_equal(storage.exists(missing), False, "exists says no to what is not there")
        with expect_no_error("remove is harmless where nothing is"):
            storage.remove(missing)

    def test_create_puts_a_file_only_where_none_is(self, storage: Storage, folder: str) -> None:
        """``create`` says whether it was this call that put the file; who comes second changes nothing."""
        expect_equal(storage.create(f"{folder}/x", b"first"), True, "create returns True where nothing was")
        expect_equal(storage.create(f"{folder}/x", b"second"), False, "create returns False where a file is")
        storage.write(f"{folder}/y", b"first")
        expect_equal(storage.create(f"{folder}/y", b"second"), False, "create returns False after a write")
        for name in "xy":
            content = storage.read(f"{folder}/{name}")
            expect_equal(content, b"first", "create leaves a file that is there as it was")

    def test_of_several_writers_exactly_one_creates_a_file(self, open_store: OpenStore, folder: str) -> None:
        """``create`` is one step for the backend: looking first and writing then is not enough."""
        stores = [open_store() for _ in range(_WRITERS)]
        barrier = threading.Barrier(_WRITERS)

        def compete(index: int, path: str) -> bool:
            barrier.wait(60)
            return stores[index].create(path, b"%d" % index)

        with ThreadPoolExecutor(_WRITERS) as pool:
            for race in range(_RACES):
                path = f"{folder}/race/{race}"
                won = list(pool.map(compete, range(_WRITERS), [path] * _WRITERS))
                expect_equal(won.count(True), 1, f"of {_WRITERS} writers at once, exactly one creates")
                content = stores[0].read(path)
                expect_equal(content, b"%d" % won.index(True), "the file is the winner's, not a later one's")

    def test_a_reader_sees_the_old_content_or_the_new(self, open_store: OpenStore, folder: str) -> None:
        """``write`` is seen as a whole or not at all, also by who reads meanwhile."""
        path, contents = f"{folder}/state", [letter * (2 * _MEGABYTE) for letter in (b"a", b"b")]
        writer, reader = open_store(), open_store()
        writer.write(path, contents[0])
        over = threading.Event()

        def until_over() -> bytes | None:
            while not over.is_set():
                if (found := reader.read(path)) not in contents:
                    return found
            return None

        with ThreadPoolExecutor(1) as pool:
            torn = pool.submit(until_over)
            try:
                for number in range(_REWRITES):
                    writer.write(path, contents[number % 2])
            finally:
                over.set()
            with expect_no_error("a file that is replaced can be read at any moment"):
                found = torn.result(60)
        expect(
            found is None,
            "a reader sees the whole old content or the whole new one: write aside, then rename",
            f"{len(found or b'')} bytes of {len(contents[0])}, or a mixture",
        )

    def test_a_listing_is_complete_sorted_and_fresh(self, open_store: OpenStore, folder: str) -> None:
        """``list`` gives the names directly below a folder, as they are now, whoever changed them."""
        mine, other = open_store(), open_store()
        expect_equal(mine.list(folder), [], "a folder that nothing was put into lists as empty")
        for path in ("b/1", "b/2", "a", "c.json", "bb"):
            other.write(f"{folder}/{path}", b"x")
        expect_equal(
            mine.list(folder),
            ["a", "b", "bb", "c.json"],
            "list returns the sorted names of files and folders directly below, each once, also those that "
            "another process wrote since the last listing",
        )
        expect_equal(mine.list(f"{folder}/b"), ["1", "2"], "list shows what is below a folder")
        expect_equal(mine.list(f"{folder}/a"), [], "nothing is below a file")
        other.remove(f"{folder}/b")
        expect_equal(mine.list(folder), ["a", "bb", "c.json"], "list shows no more what was removed")
        expect_equal(mine.exists(f"{folder}/b/1"), False, "exists says no once a folder was removed")

    def test_exists_sees_files_and_folders_and_no_prefix(self, storage: Storage, folder: str) -> None:
        """A name that another begins with is no folder."""
        for path in ("a/b", "long-name"):
            storage.write(f"{folder}/{path}", b"")
        expected = {"a": True, "a/b": True, "a/bb": False, "a/b/c": False, "long": False}
        found = {name: storage.exists(f"{folder}/{name}") for name in expected}
        expect_equal(found, expected, "exists sees files, also empty ones, and folders that hold some")

    def test_remove_takes_a_tree_and_nothing_beside_it(self, storage: Storage, folder: str) -> None:
        """``remove`` of "a" leaves "ab", and a second one is harmless."""
        for path in ("a/1", "a/b/2", "ab"):
            storage.write(f"{folder}/{path}", b"x")
        for _ in range(2):
            storage.remove(f"{folder}/a")
        expect_equal(storage.list(folder), ["ab"], "remove takes a whole tree, and nothing beside it")

    @pytest.mark.parametrize("name", ["é ü ☃ 雪", "a b", "%20&+=#?", "[1]*", "long", "a.b-c_d@e:f"])
    def test_any_name_is_kept(self, storage: Storage, folder: str, name: str) -> None:
        """Names are not interpreted: no pattern, no percent-encoding, no limit below 200 bytes."""
        name = name if name != "long" else "x" * self.longest_name
        storage.write(f"{folder}/{name}/{name}", b"content")
        expect_equal(storage.list(folder), [name], "a folder's name comes back as it was written")
        expect_equal(storage.list(f"{folder}/{name}"), [name], "a file's name comes back as it was written")
        expect_equal(storage.read(f"{folder}/{name}/{name}"), b"content", "a file of any name can be read")

    @pytest.mark.parametrize("path", _OUTSIDE)
    def test_a_path_that_could_leave_the_store_is_refused(self, storage: Storage, path: str) -> None:
        """Paths are relative and plain, for reading and for writing; see ``storage.checked_path``."""
        for use in (storage.read, storage.exists, storage.remove, lambda each: storage.write(each, b"")):
            with expect_error(ArtifactError, f"the path {path!r} is refused with an ArtifactError"):
                use(path)

    def test_a_tree_comes_back_as_it_was(self, storage: Storage, folder: str, tmp_path: Path) -> None:
        """``upload`` and ``download`` copy files and trees byte for byte, empty files included."""
        files = {"a.txt": b"a", "deep/er/é ü.bin": bytes(range(256)), "empty": b"", "deep/x%20[1]": b"%"}
        for name, content in files.items():
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / name).write_bytes(content)
        storage.upload(tmp_path / "tree", f"{folder}/tree")
        storage.download(f"{folder}/tree", tmp_path / "back")
        found = {
            each.relative_to(tmp_path / "back").as_posix(): each.read_bytes()
            for each in (tmp_path / "back").rglob("*")
            if each.is_file()
        }
        expect_equal(found, files, "a tree comes back with the same files")

    def test_a_large_payload_comes_back_with_its_hash(
        self, storage: Storage, folder: str, tmp_path: Path
    ) -> None:
        """A payload that is larger than one request of the backend is stored whole."""
        block = hashlib.sha256(folder.encode()).digest() * (_MEGABYTE // 32)
        digest = hashlib.sha256()
        with (tmp_path / "large").open("wb") as file:
            for number in range(self.large_size // _MEGABYTE):
                part = number.to_bytes(8, "big") + block[8:]
                digest.update(part)
                file.write(part)
        storage.upload(tmp_path / "large", f"{folder}/large")
        storage.download(f"{folder}/large", tmp_path / "back")
        with (tmp_path / "back").open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expect_equal(found, digest.hexdigest(), f"a file of {self.large_size} bytes comes back unchanged")

    def test_an_artifact_is_checked_against_its_hash(self, storage: Storage, folder: str) -> None:
        """What a step returns is stored in the store and read back; damage never goes unnoticed."""
        value = {"numbers": [1, 2.5, None], "text": "é"}
        reference = save_artifact(storage, f"{folder}/value", value)
        expect_equal(load_artifact(storage, reference), value, "an artifact comes back as it was")
        (name,) = storage.list(f"{folder}/value")
        storage.write(f"{folder}/value/{name}", b"damaged")
        with expect_error(IntegrityError, "an artifact whose files were changed is an IntegrityError"):
            load_artifact(storage, reference)

    def test_the_full_address_tells_where_a_file_is(self, storage: Storage, folder: str) -> None:
        """``full_uri`` is the store's own address and the path, for people and for jobs elsewhere."""
        expect_equal(
            storage.full_uri(f"{folder}/x"),
            f"{storage.uri.rstrip('/')}/{folder}/x",
            "full_uri is `uri`, without a slash at its end, and the path",
        )
