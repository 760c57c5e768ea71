"""`pipes run` and `pipes runs`, as a user types them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Project

FLAKY = """
    import time
    from pathlib import Path

    from airflow_provider_pipes import SkipStep, pipeline, step

    HERE = Path(__file__).parent

    @step
    def first() -> int:
        return 1

    @step(cache=False)
    def second(number: int) -> int:
        if not (HERE / "mended").exists():
            raise LookupError("not [mended] yet")
        return number + 1

    @step
    def third(number: int, text: str) -> str:
        print(text)
        return f"{text}{number}"

    @pipeline
    def flaky(text: str = "x") -> None:
        third(second(first()), text)

    @step(retries=1, cache=False)
    def twice() -> int:
        marker = HERE / "tried"
        if not marker.exists():
            marker.touch()
            raise OSError("try again")
        return 2

    @step
    def never(number: int) -> int:
        raise SkipStep("nothing to do")

    @step
    def after(number: int) -> None: ...

    @pipeline
    def mixed() -> None:
        after(never(twice()))

    @step
    def wait() -> None:
        (HERE / "waiting").touch()
        time.sleep(60)

    @pipeline
    def slow() -> None:
        wait.after(first())()
"""

TYPES = """
    from typing import Literal

    from airflow_provider_pipes import pipeline, step

    @step
    def keep(values: dict) -> dict:
        return {name: [type(value).__name__, value] for name, value in values.items()}

    @pipeline
    def typed(
        text: str = "a", number: float = 1.0, count: int = 1, flag: bool = False,
        either: int | str | None = None, choice: Literal["5", "6"] = "5",
        rows: list[int] = [], table: dict[str, float] = {},
    ) -> None:
        keep({
            "text": text, "number": number, "count": count, "flag": flag,
            "either": either, "choice": choice, "rows": rows, "table": table,
        })
"""


@pytest.fixture
def flaky(project: Project) -> Project:
    project.write("flow.py", FLAKY)
    return project


def value_of(document: dict[str, Any], step: str) -> Any:
    output = next(each for each in document["steps"] if each["name"] == step)["outputs"]["output"]
    (payload,) = Path(output["uri"].removeprefix("file://")).iterdir()
    return json.loads(payload.read_bytes())


def test_lines_tell_what_happens_and_a_second_run_is_cached(numbers: Project) -> None:
    first = numbers.pipes("run", "numbers_.py:numbers", "--run-name", "one")
    assert first.code == 0
    assert re.search(
        r"run one of pipeline 'numbers': 2 steps\n  double  running\n  double  done +\d", first.out
    )
    assert "number 6\n" in first.out
    assert "success in" in first.out
    assert first.err == ""
    second = numbers.pipes("run", "numbers_.py:numbers")
    assert "  double  cached" in second.out
    assert "2 from the cache" in second.out
    assert "2 run" in numbers.pipes("run", "numbers_.py", "--no-cache").out


def test_json_is_alone_on_stdout_whatever_the_steps_print(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import os, subprocess
        from airflow_provider_pipes import get_step_context, pipeline, step

        print("while it is imported")

        @step
        def noisy() -> float:
            print("printed")
            os.write(1, b"written\\n")
            subprocess.run(["echo", "echoed"])
            get_step_context().log_metadata({"loss": float("nan")})
            return 1.5

        @pipeline
        def flow() -> None:
            noisy()
        """,
    )
    done = project.pipes("run", "flow.py", "--json", "--run-name", "r")
    document = json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert document["state"] == "success"
    assert document["run_name"] == "r"
    (step,) = document["steps"]
    assert (step["state"], step["origin"], step["cached"], step["attempts"]) == ("success", "run", False, 1)
    assert step["outputs"]["output"]["type"] == "float"
    assert step["metadata"] == {"loss": "nan"}
    for text in ("while it is imported", "printed", "written", "echoed", "noisy  done"):
        assert text in done.err


def test_a_failure_shows_the_users_traceback_and_resume_keeps_what_is_done(flaky: Project) -> None:
    failed = flaky.pipes("run", "flow.py:flaky", "--run-name", "r", "-p", "text=é{x}")
    assert failed.code == 1
    assert re.search(r'Traceback.*\n  File ".*flow\.py", line \d+, in second\n', failed.err)
    assert "airflow_provider_pipes/" not in failed.err
    assert "error: step 'second' failed: LookupError: not [mended] yet\n" in failed.err
    assert "--resume r" in failed.err
    assert "failed in" in failed.out
    assert "1 failed, 1 not run" in failed.out

    flaky.write("mended", "")
    done = flaky.pipes("run", "flow.py:flaky", "--resume", "r", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [(each["state"], each["origin"]) for each in document["steps"]] == [
        ("success", "kept"), ("success", "run"), ("success", "run"),
    ]  # fmt: skip
    assert document["parameters"] == {"text": "é{x}"}
    assert "  first   kept" in done.err


def test_resume_takes_the_parameters_that_the_run_began_with(flaky: Project) -> None:
    flaky.pipes("run", "flow.py:flaky", "--run-name", "r", "-p", "text=a")
    before = flaky.tree()
    other = flaky.pipes("run", "flow.py:flaky", "--resume", "r", "-p", "text=b")
    assert other.code == 11
    assert "began with other values of text" in other.err
    missing = flaky.pipes("run", "flow.py:flaky", "--resume", "nope")
    assert missing.code == 9
    assert "no local run named 'nope'" in missing.err
    assert flaky.tree() == before
    flaky.write("mended", "")
    assert flaky.pipes("run", "flow.py:flaky", "--resume", "r", "-p", "text=a").code == 0


def test_a_run_that_goes_on_is_not_resumed(flaky: Project) -> None:
    command = flaky.command("run", "flow.py:slow", "--run-name", "r")
    with subprocess.Popen(
        command, cwd=flaky.root, env=flaky.environment(), stdout=subprocess.DEVNULL
    ) as going:
        deadline = time.monotonic() + 60
        while not (flaky.root / "waiting").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        refused = flaky.pipes("run", "flow.py:slow", "--resume", "r")
        going.kill()
    assert refused.code == 9
    assert f"run 'r' is still running in process {going.pid}" in refused.err


def test_retries_and_skips_are_shown_and_found_again(flaky: Project) -> None:
    done = flaky.pipes("run", "flow.py:mixed", "--run-name", "r")
    assert done.code == 0, done.err
    assert re.search(r"twice  failed +OSError: try again; again now", done.out)
    assert re.search(r"never  skipped +nothing to do", done.out)
    assert re.search(r"after  skipped +step 'never' before it was skipped", done.out)
    shown = json.loads(flaky.pipes("runs", "show", "r", "--json").out)
    states = {each["name"]: (each["state"], each["attempts"], each["message"]) for each in shown["steps"]}
    assert states == {
        "twice": ("success", 2, None),
        "never": ("skipped", 0, "nothing to do"),
        "after": ("skipped", 0, "step 'never' before it was skipped"),
    }
    assert shown["steps"][0]["failures"][0]["message"] == "try again"
    text = flaky.pipes("runs", "show", "r").out
    assert re.search(r"twice +success +2 ", text)
    assert "step 'twice', attempt 1: OSError: try again" in text


def test_parameters_arrive_with_their_types(project: Project) -> None:
    project.write("flow.py", TYPES)
    given = [
        "text=5", "number=2", "count=3.0", "flag=true",
        "either=7", "choice=6", "rows=[1, 2]", 'table={"a": 1}',
    ]  # fmt: skip
    done = project.pipes("run", "flow.py", "--json", *(part for each in given for part in ("--param", each)))
    assert done.code == 0, done.err
    assert value_of(json.loads(done.out), "keep") == {
        "text": ["str", "5"],
        "number": ["float", 2.0],
        "count": ["int", 3],
        "flag": ["bool", True],
        "either": ["int", 7],
        "choice": ["str", "6"],
        "rows": ["list", [1, 2]],
        "table": ["dict", {"a": 1.0}],
    }
    assert type(value_of(json.loads(done.out), "keep")["table"][1]["a"]) is float


def test_ctrl_c_says_how_to_go_on(flaky: Project) -> None:
    process = subprocess.Popen(
        flaky.command("run", "flow.py:slow", "--run-name", "r"),
        cwd=flaky.root, env=flaky.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(flaky.root / "waiting")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; continue with `pipes run flow.py:slow --resume r`\n" in err
    assert "Traceback" not in err
    assert re.search(r"interrupted in .*: 1 run, 1 interrupted\n", out)
    shown = json.loads(flaky.pipes("runs", "show", "r", "--json").out)
    assert shown["state"] == "interrupted"
    assert [each["state"] for each in shown["steps"]] == ["success", "interrupted"]


def test_a_run_that_was_killed_is_shown_as_interrupted(flaky: Project) -> None:
    process = subprocess.Popen(
        flaky.command("run", "flow.py:slow", "--run-name", "r"),
        cwd=flaky.root, env=flaky.environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(flaky.root / "waiting")
    (running,) = json.loads(flaky.pipes("runs", "list", "--json").out)
    process.kill()
    process.wait()
    (killed,) = json.loads(flaky.pipes("runs", "list", "--json").out)
    assert (running["state"], killed["state"]) == ("running", "interrupted")
    steps = json.loads(flaky.pipes("runs", "show", "r", "--json").out)["steps"]
    assert [each["state"] for each in steps] == ["success", "interrupted"]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_runs_are_listed_newest_first_and_by_pipeline(flaky: Project, numbers: Project) -> None:
    assert "there are no runs yet" in flaky.pipes("runs", "list").out
    flaky.pipes("run", "flow.py:mixed", "--run-name", "old/../run")
    flaky.pipes("run", "numbers_.py", "--run-name", "new")
    listed = json.loads(flaky.pipes("runs", "list", "--json").out)
    assert [(each["run_name"], each["pipeline"], each["state"], each["origin"]) for each in listed] == [
        ("new", "numbers", "success", "local"), ("old/../run", "mixed", "success", "local"),
    ]  # fmt: skip
    for arguments in (["--pipeline", "mixed"], ["flow.py:mixed"]):
        (only,) = json.loads(flaky.pipes("runs", "list", *arguments, "--json").out)
        assert only["run_name"] == "old/../run"
    assert len(json.loads(flaky.pipes("runs", "list", "--limit", "1", "--json").out)) == 1
    assert re.search(r"^new +numbers +success", flaky.pipes("runs", "list").out, re.MULTILINE)
    shown = flaky.pipes("runs", "show", "old/../run")
    assert shown.code == 0
    unknown = flaky.pipes("runs", "show", "nwe")
    assert unknown.code == 9
    assert "did you mean 'new'?" in unknown.err


def test_one_run_name_of_two_pipelines_needs_the_pipeline(flaky: Project, numbers: Project) -> None:
    for target in ("flow.py:mixed", "numbers_.py"):
        flaky.pipes("run", target, "--run-name", "same")
    done = flaky.pipes("runs", "show", "same")
    assert done.code == 9
    assert "mixed, numbers; name one by --pipeline" in done.err
    assert (
        json.loads(flaky.pipes("runs", "show", "same", "--pipeline", "mixed", "--json").out)["pipeline"]
        == "mixed"
    )


def test_a_step_that_ends_python_fails_its_run(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import sys
        from airflow_provider_pipes import pipeline, step

        @step
        def leave() -> None:
            sys.exit(0)

        @pipeline
        def flow() -> None:
            leave()
        """,
    )
    done = project.pipes("run", "flow.py", "--run-name", "r")
    assert done.code == 1
    assert re.search(r"error: step 'leave' .*sys\.exit\(0\)", done.err)
    assert "1 failed" in done.out


def test_what_a_step_operator_tells_is_shown(project: Project) -> None:
    project.write(
        "pipes.toml",
        """
        [stacks.default]
        orchestrator = "local"
        artifact_store = "local"
        step_operators = ["child"]

        [step_operators.child]
        flavor = "subprocess"
        """,
    )
    project.write(
        "flow.py",
        """
        import os
        from airflow_provider_pipes import pipeline, step

        @step(step_operator="child")
        def far() -> int:
            print("process", os.getpid())
            return os.getpid()

        @pipeline
        def flow() -> None:
            far()
        """,
    )
    done = project.pipes("run", "flow.py", "--json")
    assert done.code == 0, done.err
    assert f"process {value_of(json.loads(done.out), 'far')}\n" in done.err


def test_a_run_imports_nothing_that_it_does_not_need(numbers: Project) -> None:
    code = (
        "import sys; from airflow_provider_pipes.cli.main import main; main(sys.argv[1:])\n"
        "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    heavy = {
        "airflow",
        "docker",
        "fsspec",
        "jsonschema",
        "kubernetes",
        "pydantic_settings",
        "rich",
        "tomlkit",
    }
    for command, allowed in ((["run", "numbers_.py"], set()), (["deploy", "numbers_.py"], {"jinja2"})):
        done = numbers.run([sys.executable, "-c", code, *command])
        loaded = set(done.out.partition("loaded ")[2].split())
        assert "airflow_provider_pipes" in loaded
        assert loaded & (heavy | {"jinja2"}) <= allowed


def test_own_folder_keeps_itself_out_of_git(numbers: Project) -> None:
    numbers.pipes("run", "numbers_.py")
    assert numbers.tree()[".pipes/.gitignore"] == b"*\n"


def test_a_reader_that_leaves_is_no_error(flaky: Project) -> None:
    for number in range(3):
        flaky.pipes("run", "flow.py:mixed", "--run-name", f"r{number}")
    command = " ".join(flaky.command("runs", "list", "--json"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1"],
        cwd=flaky.root, env=flaky.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "["
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_ends_a_command(numbers: Project, encoding: str) -> None:
    name = "läuft-→-☃"
    done = subprocess.run(
        numbers.command("run", "numbers_.py", "--run-name", name),
        cwd=numbers.root, env=numbers.environment({"PYTHONIOENCODING": encoding}),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(f"run {name} of".encode(encoding, "backslashreplace"))
    listed = numbers.pipes("runs", "show", name, env={"PYTHONIOENCODING": "ascii"})
    assert listed.code == 0
    assert "l\\xe4uft-\\u2192-\\u2603" in listed.out


def on_a_terminal(project: Project, *arguments: str, **env: str) -> tuple[int, str]:
    """Run a command whose streams are a terminal, and return what it shows."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        project.command(*arguments),
        cwd=project.root, env=project.environment({"TERM": "xterm-256color", **env}),
        stdin=side, stdout=side, stderr=side,
    )  # fmt: skip
    os.close(side)
    shown = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    return process.wait(timeout=30), shown.decode()


def test_a_terminal_gets_colour_unless_it_does_not_want_any(numbers: Project) -> None:
    code, shown = on_a_terminal(numbers, "run", "numbers_.py")
    assert code == 0
    assert "\x1b[32mdone" in shown
    assert "number 6" in shown
    code, plain = on_a_terminal(numbers, "run", "numbers_.py", "--no-cache", NO_COLOR="1")
    assert code == 0
    assert "done" in plain
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)


def test_a_terminal_gets_a_table_of_runs(numbers: Project) -> None:
    numbers.pipes("run", "numbers_.py", "--run-name", "[red]r[/red]")
    code, shown = on_a_terminal(numbers, "runs", "list")
    assert code == 0
    assert "[red]r[/red]" in shown
    assert "─" in shown
    code, shown = on_a_terminal(numbers, "runs", "list", PYTHONIOENCODING="ascii")
    assert code == 0
    assert shown.isascii()
