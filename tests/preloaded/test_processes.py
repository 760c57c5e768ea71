"""A fork of what is preloaded is to a command as an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.preloaded.processes import Preloaded

TELL = """
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), os.environ["WORD"], sys.path[0], sys.stdin.read(), __name__]))
print(sys.modules["__main__"].__dict__ is globals(), sys.dont_write_bytecode, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def preloaded() -> Iterator[Preloaded]:
    made = Preloaded("tests.preloaded.light:preload")
    yield made
    made.close()


def both(
    preloaded: Preloaded, folder: Path, *arguments: str, **variables: str
) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
    """Return status, output and errors of a command in a fork, and in an interpreter of its own."""
    command, environment = [sys.executable, *arguments], {**os.environ, "WORD": "é", **variables}
    forked = preloaded.run(command, folder, environment)
    own = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
    )
    answers = [(each.returncode, each.stdout, each.stderr) for each in (forked, own)]
    return answers[0], answers[1]


@pytest.mark.parametrize("how", ["-c", "-m", "file"])
def test_a_command_finds_what_it_would_find(preloaded: Preloaded, tmp_path: Path, how: str) -> None:
    (tmp_path / "tells.py").write_text(TELL)
    arguments = {"-c": ("-c", TELL), "-m": ("-m", "tells"), "file": (str(tmp_path / "tells.py"),)}[how]
    forked, own = both(preloaded, tmp_path, *arguments, "one", "", PYTHONDONTWRITEBYTECODE="1")
    assert forked == own
    assert own[0] == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [("pass", 0), ("raise SystemExit(7)", 7), ("raise SystemExit('why')", 1), ("import os; os.abort()", -6)],
)
def test_a_command_ends_as_it_would_end(preloaded: Preloaded, tmp_path: Path, code: str, status: int) -> None:
    forked, own = both(preloaded, tmp_path, "-c", code)
    assert forked[:2] == own[:2]
    assert (forked[0], forked[2].strip()[:3]) == (status, own[2].strip()[:3])


def test_what_runs_at_the_end_of_a_process_runs(preloaded: Preloaded, tmp_path: Path) -> None:
    forked, own = both(preloaded, tmp_path, "-c", "import atexit; atexit.register(print, 'the end')")
    assert forked == own == (0, "the end\n", "")


def test_a_command_without_end_is_killed(preloaded: Preloaded, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"]
    with pytest.raises(subprocess.TimeoutExpired):
        preloaded.run(command, tmp_path, os.environ, timeout=0.5)
    assert preloaded.run([sys.executable, "-c", "print(2)"], tmp_path, os.environ).stdout == "2\n"


def test_commands_side_by_side_all_run(preloaded: Preloaded, tmp_path: Path) -> None:
    found: list[str] = []

    def run(number: int) -> None:
        found.append(preloaded.run([sys.executable, "-c", f"print({number})"], tmp_path, os.environ).stdout)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["0\n", "1\n", "2\n", "3\n"]


def test_a_module_of_the_user_is_found_before_what_is_preloaded_only_if_it_has_another_name(
    preloaded: Preloaded, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("print('mine')")
    forked, own = both(preloaded, tmp_path, "-c", "import mine", PYTHONPATH=str(tmp_path))
    assert forked == own == (0, "mine\n", "")


def test_what_only_an_interpreter_can_obey_gets_one(preloaded: Preloaded, tmp_path: Path) -> None:
    code = "import sys; print('airflow_provider_pipes.compiler.compile' in sys.modules)"
    (tmp_path / "sitecustomize.py").touch()
    assert both(preloaded, tmp_path, "-c", code)[0][1] == "True\n"
    assert both(preloaded, tmp_path, "-P", "-c", code)[0][1] == "False\n"
    assert both(preloaded, tmp_path, "-c", code, PYTHONHASHSEED="3")[0][1] == "False\n"
    assert both(preloaded, tmp_path, "-c", code, PYTHONPATH=str(tmp_path))[0][1] == "False\n"
