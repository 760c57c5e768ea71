from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import ArtifactError

RACE = """
import os, sys, time
from pathlib import Path
from airflow_provider_pipes.artifacts.local import LocalStorage

root, name, start, links = sys.argv[1:]
if links == "no-links":
    def refuse(*args, **kwargs):
        raise OSError(95, "Operation not supported")
    os.link = refuse
storage = LocalStorage(Path(root))
while time.time() < float(start):
    pass
print(*(i for i in range(100) if storage.create(f"runs/{i}/manifest.json", f"{name} {i} ".encode() * 500)))
"""

WRITER = """
import sys
from pathlib import Path
from airflow_provider_pipes.artifacts.local import LocalStorage

storage = LocalStorage(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        storage.write("state", letter * 20_000_000)
"""


@pytest.mark.parametrize("links", ["links", "no-links"])
def test_of_many_processes_exactly_one_creates_each_file(tmp_path: Path, links: str) -> None:
    start = str(time.time() + 1.0)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), name, start, links], stdout=subprocess.PIPE, text=True
        )
        for name in "ABCDEF"
    ]
    won = {name: writer.communicate()[0].split() for name, writer in zip("ABCDEF", writers, strict=True)}
    assert sorted(int(each) for names in won.values() for each in names) == list(range(100))
    storage = LocalStorage(tmp_path)
    for name, numbers in won.items():
        for number in numbers:
            assert storage.read(f"runs/{number}/manifest.json") == f"{name} {number} ".encode() * 500
    assert sorted(os.listdir(tmp_path / "runs" / "7")) == ["manifest.json"]


def test_a_writer_killed_half_way_leaves_one_whole_content(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write("state", b"old")
    for delay in (0.0, 0.004, 0.01, 0.03, 0.05):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        content = storage.read("state")
        assert content in (b"old", b"a" * 20_000_000, b"b" * 20_000_000)
    assert storage.list() == ["state"], "files on their way are not listed"


def test_a_file_too_large_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from airflow_provider_pipes.artifacts.local import LocalStorage\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "LocalStorage(Path(sys.argv[1])).write('runs/x', bytes(50_000))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert "ArtifactError: can't write" in last
    assert "split the output" in last
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_file_on_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"move (it|that file) away"):
        LocalStorage(tmp_path).write("runs/x", b"")


def test_a_folder_where_a_file_should_go_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ArtifactError, match="it is a folder where a file was expected"):
        LocalStorage(tmp_path).write("x", b"")
    assert os.listdir(tmp_path) == ["x"]


def test_a_tree_does_not_replace_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    storage = LocalStorage(tmp_path / "store")
    storage.upload(tmp_path / "tree", "x")
    with pytest.raises(ArtifactError, match="something is there already"):
        storage.upload(tmp_path / "tree", "x")
    assert os.listdir(storage.root) == ["x"]


def test_a_download_does_not_follow_links_out_of_the_store(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "store")
    storage.write("tree/file", b"")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "store" / "tree" / "link").symlink_to(tmp_path / "secret")
    storage.download("tree", tmp_path / "copy")
    assert (tmp_path / "copy" / "link").is_symlink()


def test_nothing_is_made_before_something_is_written(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "store")
    assert storage.list() == []
    assert not storage.exists("x")
    with contextlib.suppress(ArtifactError):
        storage.read("x")
    assert not (tmp_path / "store").exists()


def test_a_local_store_imports_nothing_but_the_standard_library() -> None:
    script = (
        "import sys\n"
        "from airflow_provider_pipes.artifacts import payloads\n"
        "from airflow_provider_pipes.artifacts.storage import open_storage\n"
        "storage = open_storage(sys.argv[1])\n"
        "reference = payloads.save_artifact(storage, 'a', {'x': [1, 'two', None]})\n"
        "assert payloads.load_artifact(storage, reference) == {'x': [1, 'two', None]}\n"
        "tops = {name.partition('.')[0] for name in sys.modules} - {'airflow_provider_pipes'}\n"
        "print(sorted(tops - sys.stdlib_module_names))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-S", "-c", script, f"{folder}/store"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
    assert done.stdout.strip() == "['__main__']"
