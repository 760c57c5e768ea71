from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.environments.environment import Environment, environment_python
from airflow_provider_pipes.environments.interpreter import Interpreter, find_interpreter
from airflow_provider_pipes.errors import PythonEnvironmentError
from tests.wheels import WheelFolder

HERE = find_interpreter(None)
CORE = ["pydantic>=2.10", "cloudpickle>=3.0"]


def environment(*requirements: str) -> Environment:
    return Environment.of(requirements, CORE, HERE)


def imported(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "environments"
    made.mkdir(mode=0o700)
    return made


def made(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir())


def test_an_environment_has_what_was_asked_for_and_no_airflow(wheels: WheelFolder, folder: Path) -> None:
    wheels.add("greeting", "1.0", "TEXT = 'one'")
    wheels.add("greeting", "2.0", "TEXT = 'two'")
    python = environment_python(environment("greeting<2"), folder)
    assert imported(python, "import greeting, pydantic, cloudpickle; print(greeting.TEXT)") == "one"
    assert imported(python, "import importlib.util; print(importlib.util.find_spec('airflow'))") == "None"
    assert Path(python).is_relative_to(folder / environment("greeting<2").key)


def test_one_that_is_there_is_taken_without_uv(
    wheels: WheelFolder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.add("greeting", "1.0", "")
    first = environment_python(environment("greeting", "pydantic"), folder)
    monkeypatch.setitem(sys.modules, "uv", None)
    assert environment_python(environment(" pydantic ", "greeting", "greeting"), folder) == first
    with pytest.raises(
        PythonEnvironmentError, match=r"needs uv, which this worker does not have .*pip install uv"
    ):
        environment_python(environment("greeting>=1"), folder)


requirements = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4)


@given(requirements, st.randoms())
def test_the_key_is_the_same_in_any_order_and_another_for_other_requirements(
    wanted: list[str], random: object
) -> None:
    import random as module

    assert isinstance(random, module.Random)
    mixed = list(wanted)
    random.shuffle(mixed)
    assert environment(*wanted).key == environment(*mixed).key
    assert environment(*wanted, "another==1").key != environment(*wanted).key


@pytest.mark.parametrize("changed", ["path", "version", "implementation"])
def test_another_interpreter_has_another_key(changed: str) -> None:
    fields = {
        "path": HERE.path,
        "version": HERE.version,
        "implementation": HERE.implementation,
        changed: "other",
    }
    assert Environment.of([], CORE, Interpreter(**fields)).key != environment().key


def test_a_requirement_that_does_not_resolve_is_told_in_the_resolvers_words(
    wheels: WheelFolder, folder: Path
) -> None:
    wheels.add("left", "1.0", "", ("greeting<2",))
    wheels.add("right", "1.0", "", ("greeting>=2",))
    wheels.add("greeting", "1.0", "")
    wheels.add("greeting", "2.0", "")
    with pytest.raises(PythonEnvironmentError) as caught:
        environment_python(environment("left", "right"), folder)
    said = " ".join(str(caught.value).split())
    assert "no environment can be made for requirements=['cloudpickle>=3.0', 'left'" in said
    assert "No solution found when resolving" in said
    assert "depend on greeting<2" in said
    assert "requirements are unsatisfiable" in said
    assert "mend the requirements; or, if the package index can't be reached" in said
    assert made(folder) == []


def test_a_requirement_that_is_none_is_told(wheels: WheelFolder, folder: Path) -> None:
    with pytest.raises(PythonEnvironmentError, match=r"uv says:\n\s+error: .*\n(.*\n)*.*===3"):
        environment_python(environment("greeting ===3 ===4"), folder)


def test_an_index_that_does_not_answer_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        PythonEnvironmentError, match=r"(?s)127\.0\.0\.1:9.*name one that can in UV_DEFAULT_INDEX"
    ):
        environment_python(environment(), folder)


def test_what_uv_does_goes_to_the_log(
    wheels: WheelFolder, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        environment_python(environment(), folder)
    assert f"Making a Python {HERE.version} environment for: cloudpickle>=3.0, pydantic>=2.10" in caplog.text
    assert "Resolved 2 packages" in caplog.text
    assert "The environment is ready after" in caplog.text


# A process that makes an environment while the file "hold" is there: uv waits in a stand-in for it.
MAKER = """
    import logging, sys
    from pathlib import Path
    from airflow_provider_pipes.environments import building, environment
    from tests.unit.environments.test_environment import environment as wanted

    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    building._TELL_SECONDS = 0.5
    if len(sys.argv) > 2:
        environment._uv = lambda: sys.argv[2]
    print(environment.environment_python(wanted("greeting"), Path(sys.argv[1])), flush=True)
    sys.stdin.readline()
"""
SLOW_UV = """#!/bin/sh
echo "uv $1" >> {notes}
echo "fetching a large wheel"
while [ -e {hold} ]; do sleep 0.1; done
exec {uv} "$@"
"""


class Makers:
    """Processes that want the same environment, with a uv that goes on when the test says so."""

    def __init__(self, tmp_path: Path, folder: Path) -> None:
        import uv

        self.folder = folder
        self.notes, self.hold = tmp_path / "notes", tmp_path / "hold"
        self.uv = tmp_path / "slow-uv"
        self.uv.write_text(SLOW_UV.format(notes=self.notes, hold=self.hold, uv=uv.find_uv_bin()))
        self.uv.chmod(0o755)
        self.hold.touch()

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-u", "-c", textwrap.dedent(MAKER), str(self.folder), str(self.uv)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def asked(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []


def lines_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    seen: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line.rstrip("\n"))
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} never came: {seen}")


@pytest.fixture
def makers(wheels: WheelFolder, tmp_path: Path, folder: Path) -> Makers:
    wheels.add("greeting", "1.0", "TEXT = 'one'")
    return Makers(tmp_path, folder)


def test_of_two_that_want_it_one_makes_it_and_the_other_waits_and_says_so(
    makers: Makers, folder: Path
) -> None:
    first = makers.start()
    lines_until(first, "fetching a large wheel")
    second = makers.start()
    lines_until(
        second, "Another task makes this environment; waiting for it, 0 s so far: fetching a large wheel"
    )
    lines_until(second, "waiting for it, 1 s so far")
    makers.hold.unlink()
    outputs = [process.communicate("\n", timeout=60)[0] for process in (first, second)]
    python = str(folder / environment("greeting").key / "bin" / "python")
    assert [output.splitlines()[-1] for output in outputs] == [python, python]
    assert makers.asked() == ["uv venv", "uv pip"]
    assert imported(python, "import greeting; print(greeting.TEXT)") == "one"


def test_one_that_is_half_made_after_a_kill_is_not_taken_for_whole(makers: Makers, folder: Path) -> None:
    first = makers.start()
    lines_until(first, "fetching a large wheel")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    (half,) = made(folder)
    assert half != environment("greeting").key
    makers.hold.unlink()
    python = environment_python(environment("greeting"), folder)
    assert imported(python, "import greeting; print(greeting.TEXT)") == "one"


def test_a_process_that_is_ended_ends_uv_and_leaves_nothing_half_made(makers: Makers, folder: Path) -> None:
    process = makers.start()
    lines_until(process, "fetching a large wheel")
    begin = time.monotonic()
    process.terminate()
    process.communicate(timeout=20)
    assert time.monotonic() - begin < 10
    assert made(folder) == []


def test_one_whose_interpreter_is_gone_is_made_again(wheels: WheelFolder, folder: Path) -> None:
    wheels.add("greeting", "1.0", "TEXT = 'one'")
    python = Path(environment_python(environment("greeting"), folder))
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert environment_python(environment("greeting"), folder) == str(python)
    assert imported(str(python), "import greeting; print(greeting.TEXT)") == "one"


def test_those_used_longest_ago_are_removed_but_never_one_in_use(makers: Makers, folder: Path) -> None:
    makers.hold.unlink()
    holder = makers.start()
    in_use = lines_until(holder, str(folder / environment("greeting").key / "bin"))[-1]
    script = textwrap.dedent(MAKER).replace('wanted("greeting")', "wanted(*sys.argv[3:])")
    for requirements in (["pydantic==2.99"], ["pydantic>2.98"], ["pydantic<3"]):
        command = [sys.executable, "-c", script.replace("[1]))", "[1]), 1)"), str(folder), str(makers.uv)]
        subprocess.run(
            [*command, *requirements], stdin=subprocess.DEVNULL, check=True, stdout=subprocess.DEVNULL
        )
    assert made(folder) == sorted([environment("greeting").key, environment("pydantic<3").key])
    assert Path(in_use).exists()
    holder.communicate("\n", timeout=20)


def test_scripts_of_an_environment_run_under_its_final_name(wheels: WheelFolder, folder: Path) -> None:
    python = Path(environment_python(environment(), folder))
    listing = json.loads((python.parents[1] / "listing.json").read_text())
    assert listing == {"requirements": sorted(CORE), "python": HERE.path}
    assert "relocatable = true" in (python.parents[1] / "pyvenv.cfg").read_text()
