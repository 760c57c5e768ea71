from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.errors import DeployError, StaleDagError
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.marker import read_marker
from airflow_provider_pipes.orchestrators.airflow.publish import (
    Published,
    check,
    check_place,
    check_removable,
    dag_file_path,
    diff,
    generated_files,
    publish,
    unpublish,
)
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from tests.unit.orchestrators.dag_files import deployment, step

NOBODY = 65534


def dag_file(description: str = "", source: str = "digits:digits_pipeline") -> str:
    of = deployment([step("load")], description=description, source=source)
    return render_dag_file(of, "digits", StoreLocation("/srv/artifacts"))


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write anywhere; be somebody who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_new_file_is_created_with_the_folders_above_it(tmp_path: Path) -> None:
    path = dag_file_path(tmp_path / "new" / "dags", "digits")
    assert publish(path, dag_file()) is Published.CREATED
    assert path == tmp_path / "new" / "dags" / "digits.py"
    assert path.read_text() == dag_file()
    assert list(path.parent.iterdir()) == [path]


def test_a_changed_file_is_updated_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    publish(path, dag_file())
    path.chmod(0o640)
    assert publish(path, dag_file("new")) is Published.UPDATED
    assert path.read_text() == dag_file("new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        publish(tmp_path / "digits.py", dag_file())
    finally:
        os.umask(before)
    assert (tmp_path / "digits.py").stat().st_mode & 0o777 == 0o640


def test_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    publish(path, dag_file())
    os.utime(path, ns=(1, 1))
    before = path.stat()
    assert publish(path, dag_file()) is Published.UNCHANGED
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (1, before.st_ino)


@pytest.mark.parametrize(
    "content", ["", "from airflow.sdk import DAG\n", "# mine\n" + dag_file(), "\xff\xfe\0"]
)
def test_a_file_that_is_not_ours_is_neither_replaced_nor_removed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "digits.py"
    path.write_text(content, encoding="latin-1")
    for action in (
        lambda: publish(path, dag_file()),
        lambda: check(path, dag_file()),
        lambda: diff(path, dag_file()),
        lambda: unpublish(tmp_path, "digits"),
    ):
        with pytest.raises(DeployError, match=r"digits\.py is not ours: .* use another DAG id"):
            action()
    assert path.read_text(encoding="latin-1") == content
    assert list(tmp_path.iterdir()) == [path]


def test_another_pipelines_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    publish(path, dag_file())
    message = r"is the DAG file of the pipeline digits:digits_pipeline, and other:pipeline would replace it"
    with pytest.raises(DeployError, match=message):
        publish(path, dag_file(source="other:pipeline"))
    assert path.read_text() == dag_file()


def test_a_symbolic_link_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.py"
    path = tmp_path / "digits.py"
    path.symlink_to(target)
    for _ in ("dangling", "to a file of ours"):
        with pytest.raises(DeployError, match=r"is a symbolic link, not ours"):
            publish(path, dag_file())
        target.write_text(dag_file())
    assert path.is_symlink()


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "digits.py").mkdir()
    with pytest.raises(DeployError, match=r"cannot read .*digits\.py: is a directory; move it away"):
        publish(tmp_path / "digits.py", dag_file())


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "dags").write_text("")
    with pytest.raises(DeployError, match=r"not a directory; choose another folder"):
        publish(tmp_path / "dags" / "digits.py", dag_file())


def test_a_folder_that_cannot_be_written_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        message = (
            r"cannot write the DAG file .*digits\.py: permission denied; change its permissions or choose"
        )
        with without_privileges(), pytest.raises(DeployError, match=message):
            publish(Path(folder) / "digits.py", dag_file())
        assert os.listdir(folder) == []
        os.chmod(folder, 0o755)


def test_a_place_is_tried_without_leaving_a_trace(tmp_path: Path) -> None:
    check_place(tmp_path / "new" / "dags" / "digits.py", dag_file())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployError, match=r"not a directory"):
        check_place(tmp_path / "file" / "digits.py", dag_file())
    (tmp_path / "digits.py").write_text("# mine\n")
    with pytest.raises(DeployError, match=r"digits\.py is not ours"):
        check_place(tmp_path / "digits.py", dag_file())


def test_a_file_too_large_for_airflow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DeployError, match=r"would have 16,\d+,\d+ bytes and Airflow keeps at most 16,777,215"
    ):
        publish(tmp_path / "digits.py", dag_file("x" * 2**24))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    publish(path, dag_file())
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from airflow_provider_pipes.errors import DeployError\n"
        "from airflow_provider_pipes.orchestrators.airflow.publish import publish\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    publish(Path(sys.argv[1]), sys.stdin.read())\n"
        "except DeployError as error:\n"
        "    sys.exit(str(error))\n"
    )
    root = str(Path(__file__).parents[3])
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        input=dag_file("new"),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert run.returncode == 1
    assert re.match(r"cannot write the DAG file .*digits\.py: file too large; check the folder", run.stderr)
    assert path.read_text() == dag_file()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a tmpfs")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(full)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount the small file system that this test fills")
    try:
        publish(full / "digits.py", dag_file())
        message = r"cannot write the DAG file .*: no space left on device; free some space"
        with pytest.raises(DeployError, match=message):
            publish(full / "digits.py", dag_file("x" * 10_000))
        assert (full / "digits.py").read_text() == dag_file()
        assert os.listdir(full) == ["digits.py"]
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    texts = [dag_file("a" * 50_000), dag_file("b" * 90_000)]
    publish(path, texts[0])
    done = threading.Event()
    seen: set[str] = set()
    names: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())
            names.update(os.listdir(tmp_path))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(40):
            publish(path, texts[number % 2])
    finally:
        done.set()
        reader.join()
    assert seen <= set(texts)
    # Nothing but the file itself looks like a DAG file meanwhile.
    assert [name for name in names if name.endswith(".py")] == ["digits.py"]
    assert all(name.startswith(".") for name in names - {"digits.py"})


def test_a_killed_writer_leaves_nothing_that_looks_like_a_dag_file(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from airflow_provider_pipes.orchestrators.airflow import publish as publishing\n"
        "publishing.os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)\n"
        "publishing.publish(Path(sys.argv[1]), sys.stdin.read())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        input=dag_file().encode(),
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert run.returncode == -signal.SIGKILL
    assert generated_files(tmp_path) == []
    assert [name for name in os.listdir(tmp_path) if name.endswith(".py") or not name.startswith(".")] == []
    assert publish(path, dag_file()) is Published.CREATED


@given(st.text(min_size=1, max_size=300))
def test_any_dag_id_gives_one_harmless_file_name(dag_id: str) -> None:
    path = dag_file_path(Path("/dags"), dag_id)
    assert path.parent == Path("/dags")
    assert path.suffix == ".py"
    assert not path.name.startswith(".")
    assert len(os.fsencode(path.name)) <= 255
    assert dag_file_path(Path("/dags"), dag_id + "x") != path


def test_a_check_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    with pytest.raises(StaleDagError, match=r"there is no DAG file .*run `pipes deploy`"):
        check(path, dag_file())
    publish(path, dag_file())
    check(path, dag_file())
    with pytest.raises(StaleDagError, match=r"is not what its pipeline compiles to now: run `pipes deploy`"):
        check(path, dag_file("new"))
    assert path.read_text() == dag_file()


def test_a_diff_shows_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    assert diff(path, dag_file()).startswith(f"--- /dev/null\n+++ {path}\n@@ -0,0 +1,")
    assert not path.exists()
    publish(path, dag_file())
    assert diff(path, dag_file()) == ""
    lines = diff(path, dag_file("new\x85\u2028line")).splitlines()
    assert '+    description="new\\x85\\u2028line",' in lines
    assert path.read_text() == dag_file()


def test_a_diff_can_be_applied(tmp_path: Path) -> None:
    path = tmp_path / "digits.py"
    publish(path, dag_file())
    path.write_text(dag_file().rstrip("\n"))
    patch = diff(path, dag_file("new"))
    subprocess.run(["patch", "-s", str(path)], input=patch.encode(), check=True)
    assert path.read_text() == dag_file("new")


def test_unpublishing_removes_our_file_only(tmp_path: Path) -> None:
    publish(tmp_path / "digits.py", dag_file())
    publish(tmp_path / "other.py", dag_file())
    assert unpublish(tmp_path, "digits") == tmp_path / "digits.py"
    assert [each.name for each in tmp_path.iterdir()] == ["other.py"]
    with pytest.raises(DeployError, match=r"there is no DAG file of 'digits' in .*; deployed there: other"):
        unpublish(tmp_path, "digits")


def test_a_file_that_could_be_removed_is_left_there(tmp_path: Path) -> None:
    publish(tmp_path / "digits.py", dag_file())
    (tmp_path / "mine.py").write_text("import airflow\n")
    assert check_removable(tmp_path, "digits") == tmp_path / "digits.py"
    assert (tmp_path / "digits.py").is_file()
    with pytest.raises(DeployError, match=r"mine\.py is not ours"):
        check_removable(tmp_path, "mine")


def test_our_files_are_listed_with_where_they_come_from(tmp_path: Path) -> None:
    publish(tmp_path / "b.py", dag_file(source="données:pipeline"))
    publish(tmp_path / "a.py", dag_file())
    (tmp_path / "mine.py").write_text("import airflow\n")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "dangling.py").symlink_to("nowhere")
    found = generated_files(tmp_path)
    assert [each.path.name for each in found] == ["a.py", "b.py"]
    assert [each.marker.source for each in found] == ["digits:digits_pipeline", "données:pipeline"]
    assert found[0].marker == read_marker(dag_file())
    assert generated_files(tmp_path / "nowhere") == []
