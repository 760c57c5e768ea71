from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.payloads import load_artifact, measure, save_artifact
from airflow_provider_pipes.artifacts.storage import Storage, open_storage
from airflow_provider_pipes.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    IntegrityError,
    StoreUnreachableError,
)
from airflow_provider_pipes.models.documents import OutputReference
from tests.unit.artifacts.materializers import samples

HERE = samples.__name__

VALUES = [
    (None, "json", "NoneType"),
    ({"a": [1, 2.5, None, "é"]}, "json", "dict"),
    ("line\r\nend\ud800", "text", "str"),
    (b"\0\xff", "bytes", "bytes"),
    (samples.Point(samples.Frozen("a"), (1, 2)), "dataclass", f"{HERE}:Point"),
    (samples.Inner(name="x"), "pydantic", f"{HERE}:Inner"),
    ({1, 2, 3}, "cloudpickle", "set"),
]


@pytest.mark.parametrize(("value", "materializer", "kind"), VALUES)
def test_a_value_comes_back_from_any_store(
    storage: Storage, value: Any, materializer: str, kind: str
) -> None:
    reference = save_artifact(storage, "runs/r/step/output", value)
    assert load_artifact(storage, reference) == value
    assert (reference.materializer, reference.type) == (materializer, kind)
    assert reference.path == "runs/r/step/output"
    assert reference.uri == f"{storage.uri}/runs/r/step/output"
    assert reference.size > 0 or value == ""


def test_equal_values_have_equal_hashes_in_every_store(storage: Storage, tmp_path: Path) -> None:
    reference = save_artifact(storage, "a/b", {"x": [1, 2]})
    other = save_artifact(open_storage(str(tmp_path / "other")), "elsewhere", {"x": [1, 2]})
    assert (reference.sha256, reference.size) == (other.sha256, other.size)
    assert reference.sha256 != save_artifact(storage, "a/c", {"x": [1, 3]}).sha256


def test_a_directory_comes_back_from_any_store(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "empty").mkdir(parents=True)
    (source / "sub").mkdir()
    (source / "sub" / "weights").write_bytes(os.urandom(200_000))
    (source / "link").symlink_to("sub/weights")
    reference = save_artifact(storage, "runs/model", source)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    back = load_artifact(storage, reference, expected=Path, scratch=scratch)
    assert back.name == "model"
    assert back.is_relative_to(scratch)
    assert (back / "empty").is_dir()
    assert (back / "link").read_bytes() == (source / "sub" / "weights").read_bytes()


def test_what_a_step_does_to_its_files_does_not_reach_the_store(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("original")
    reference = save_artifact(storage, "runs/data", tmp_path / "data.txt")
    for _ in range(2):
        back = load_artifact(storage, reference, scratch=tmp_path)
        assert back.read_text() == "original"
        back.write_text("changed by the step")


def test_copies_that_the_value_does_not_need_are_removed(storage: Storage, tmp_path: Path) -> None:
    reference = save_artifact(storage, "runs/x", [1, 2])
    assert load_artifact(storage, reference, scratch=tmp_path) == [1, 2]
    assert [each for each in tmp_path.iterdir() if each.name != "store"] == []


def test_a_local_store_holds_the_files_as_written(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    save_artifact(storage, "runs/x/output", "text for people")
    assert (tmp_path / "runs" / "x" / "output" / "value.txt").read_text() == "text for people"


class _Witness:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_changed_content_is_refused_before_anything_reads_it(storage: Storage, tmp_path: Path) -> None:
    reference = save_artifact(storage, "runs/x", {1, 2})
    storage.write("runs/x/value.pkl", pickle.dumps(_Witness(tmp_path / "unpickled")))
    expected = f"expected {reference.size} bytes with SHA-256 {reference.sha256}, got"
    with pytest.raises(IntegrityError, match=f"runs/x' is not what was stored: {expected}"):
        load_artifact(storage, reference)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("change", ["one bit", "one file more", "another name"])
def test_any_change_of_the_files_is_noticed(storage: Storage, change: str) -> None:
    reference = save_artifact(storage, "runs/x", "some text")
    if change == "one bit":
        storage.write("runs/x/value.txt", b"some tex\x75")
    elif change == "one file more":
        storage.write("runs/x/more", b"")
    else:
        storage.write("runs/x/value2.txt", storage.read("runs/x/value.txt"))
        storage.remove("runs/x/value.txt")
    with pytest.raises(IntegrityError):
        load_artifact(storage, reference)


def test_a_link_put_into_a_payload_is_refused(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "store")
    reference = save_artifact(storage, "runs/x", "text")
    place = storage.local_path("runs/x/value.txt")
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=r"'value.txt' is neither a file nor a folder"):
        load_artifact(storage, reference)


def test_a_payload_that_was_removed_says_so(storage: Storage) -> None:
    reference = save_artifact(storage, "runs/x", "text")
    storage.remove("runs/x")
    with pytest.raises(ArtifactNotFoundError, match=r"can't load 'runs/x'.*nothing is stored at"):
        load_artifact(storage, reference)


@given(
    one=st.dictionaries(st.sampled_from(["a", "b", "a/b", "ab"]), st.binary(max_size=3)),
    other=st.dictionaries(st.sampled_from(["a", "b", "a/b", "ab"]), st.binary(max_size=3)),
)
def test_two_folders_hash_alike_only_if_they_are_alike(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hashes = []
        for position, files in enumerate((one, other)):
            root = Path(folder) / str(position)
            root.mkdir()
            written = {}
            for name, content in files.items():
                if "/" in name and "a" in files:
                    continue
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_bytes(content)
                written[name] = content
            hashes.append((written, measure(root)))
        assert (hashes[0][0] == hashes[1][0]) == (hashes[0][1] == hashes[1][1])


def test_a_value_that_can_not_be_stored_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(
        ArtifactError, match=r"can't store 'runs/x', a value of type _thread.lock, .*be pickled"
    ) as caught:
        save_artifact(storage, "runs/x", threading.Lock())
    assert type(caught.value) is ArtifactError
    assert not storage.exists("runs/x")


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(ArtifactError, match=r"can't store 'runs/x'.*no space is left there: free some"):
        save_artifact(storage, "runs/x", samples.Temperature(1), samples.FillsTheDisk)
    assert not storage.exists("runs/x")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (samples.SavesNothing, "wrote no file: write at least one"),
        (samples.LeavesALink, "'link' is neither a file nor a folder"),
    ],
)
def test_a_materializer_that_does_not_do_its_part_is_a_clear_error(
    storage: Storage, kind: type[samples.TemperatureMaterializer], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        save_artifact(storage, "runs/x", samples.Temperature(1), kind)
    assert not storage.exists("runs/x")


@pytest.mark.parametrize(
    "materializer",
    [
        samples.TemperatureMaterializer,
        samples.TemperatureMaterializer(),
        f"{HERE}:TemperatureMaterializer",
    ],
)
def test_a_materializer_of_the_users_own_is_named_in_the_reference(
    storage: Storage, materializer: Any
) -> None:
    reference = save_artifact(storage, "runs/x", samples.Temperature(20.5), materializer)
    assert reference.materializer == f"{HERE}:TemperatureMaterializer"
    assert load_artifact(storage, reference) == samples.Temperature(20.5)


def test_a_named_materializer_that_does_not_fit_is_refused(storage: Storage) -> None:
    with pytest.raises(ArtifactError, match="the materializer 'json' does not take this value of type tuple"):
        save_artifact(storage, "runs/x", (1, 2), "json")


def test_a_place_that_is_taken_is_not_written_to(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    reference = save_artifact(storage, "runs/x", "first")
    with pytest.raises(ArtifactError, match="something else is there already"):
        save_artifact(storage, "runs/x", "second")
    assert load_artifact(storage, reference) == "first"


def test_a_pickle_whose_module_is_missing_says_so(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = save_artifact(storage, "runs/x", samples.Temperature(1))
    monkeypatch.setitem(sys.modules, HERE, None)
    with pytest.raises(ArtifactError, match=r"can't load 'runs/x', stored as 'cloudpickle': .*samples"):
        load_artifact(storage, reference)


@pytest.mark.s3
def test_a_store_that_does_not_answer_is_unreachable_when_saving_and_loading() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        options = {
            "key": "k",
            "secret": "s",
            "endpoint_url": f"http://127.0.0.1:{unused.getsockname()[1]}",
            "config_kwargs": {"retries": {"max_attempts": 0}},
        }
        storage = open_storage("s3://bucket", options)
        with pytest.raises(StoreUnreachableError, match="can't store 'runs/x'"):
            save_artifact(storage, "runs/x", 1)
        reference = OutputReference(
            path="runs/x", uri="", materializer="json", type="int", size=1, sha256="0" * 64
        )
        with pytest.raises(StoreUnreachableError, match="can't load 'runs/x'"):
            load_artifact(storage, reference)


KILLED = f"""
import sys, time
from pathlib import Path
from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.payloads import save_artifact
from {HERE} import Temperature, TemperatureMaterializer

class Slow(TemperatureMaterializer):
    def save(self, value, directory):
        (directory / "degrees").write_text("half a num")
        print("writing", flush=True)
        time.sleep(60)

import {HERE} as samples
samples.Slow, Slow.__module__, Slow.__qualname__ = Slow, "{HERE}", "Slow"
storage = LocalStorage(Path(sys.argv[1]))
reference = save_artifact(storage, "runs/x/process-1/output", Temperature(1), Slow)
storage.create("runs/x/manifest.json", reference.to_json())
"""


def test_a_process_killed_half_way_leaves_no_result(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    storage = LocalStorage(tmp_path)
    assert not storage.exists("runs/x/manifest.json")
    # The next attempt has a folder of its own, and its result is whole.
    reference = save_artifact(storage, "runs/x/process-2/output", samples.Temperature(2))
    assert storage.create("runs/x/manifest.json", reference.to_json())
    found = OutputReference.from_json(storage.read("runs/x/manifest.json"))
    assert load_artifact(storage, found) == samples.Temperature(2)


def test_an_exception_from_outside_cleans_up_too(storage: Storage) -> None:
    with pytest.raises(KeyboardInterrupt):
        save_artifact(storage, "x", samples.Temperature(1), samples.Interrupted)
    assert not storage.exists("x")


def test_a_reference_survives_its_own_json(storage: Storage) -> None:
    reference = save_artifact(storage, "runs/x", "\0 preview \ud800")
    assert reference.preview == r"\x00 preview \ud800"
    again = OutputReference.from_json(reference.to_json())
    assert again == reference
    assert load_artifact(storage, dataclasses.replace(again, uri="elsewhere")) == "\0 preview \ud800"
