"""Bad input: each with its own message and exit code, and nothing written."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import PIPELINE, Done, Project

HEAD = "from airflow_provider_pipes import pipeline, step\n"


@dataclass(frozen=True)
class Bad:
    """A mistake, and what is said of it."""

    code: int
    says: str
    arguments: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


MODULE = {"flow.py": PIPELINE}

BAD = {
    "a file that is not there": Bad(
        3, r"there is no file 'flwo\.py'.*did you mean 'flow\.py'", ("flwo.py:x",), MODULE
    ),
    "a module that is not there": Bad(3, r"there is no module 'nowhere'", ("nowhere:x",)),
    "a name that is not there": Bad(
        3, r"there is no 'nubmers'.*did you mean 'numbers'", ("flow.py:nubmers",), MODULE
    ),
    "a step for a pipeline": Bad(3, r"'double' in 'flow' is no pipeline", ("flow.py:double",), MODULE),
    "an empty target": Bad(3, r"is empty", (":x",)),
    "a module that raises": Bad(
        4,
        r"""Traceback.*\n  File "[^"]*flow\.py", line 2.*error: module 'flow' raised ZeroDivisionError""",
        ("flow.py:x",),
        {"flow.py": "import os\nnumber = 1 / 0\n"},
    ),
    "an import that fails": Bad(
        4,
        r"error: module 'flow' raised ModuleNotFoundError.*'panads'",
        ("flow.py:x",),
        {"flow.py": "import panads\n"},
    ),
    "a syntax error": Bad(
        4, r"error: module 'flow' raised SyntaxError", ("flow.py:x",), {"flow.py": "def x(:\n"}
    ),
    "a body that raises": Bad(
        4,
        r"""Traceback.*flow\.py", line 4, in x.*error: the body of pipeline 'x' raised KeyError: 'lr'""",
        ("flow.py:x",),
        {"flow.py": HEAD + "@pipeline\ndef x():\n    {}['lr']\n"},
    ),
    "a pipeline in itself": Bad(
        5, r"calls itself.*a cycle", ("flow.py:x",), {"flow.py": HEAD + "@pipeline\ndef x():\n    x()\n"}
    ),
    "types that do not fit, all at once": Bad(
        5,
        r"cannot compile pipeline 'x' \(flow\.py:\d+\):(?s:.*)'text'.*(?s:.*)'more'",
        ("flow.py:x",),
        {
            "flow.py": HEAD
            + "@step\ndef load() -> dict[str, int]: return {}\n"
            + "@step\ndef use(text: str) -> None: ...\n"
            + "@step\ndef use_more(more: list[int]) -> None: ...\n"
            + "@pipeline\ndef x():\n    rows = load()\n    use(rows)\n    use_more(rows)\n"
        },
    ),
    "a constant that is no JSON": Bad(
        5,
        r"cannot compile pipeline 'x'.*\n.*step 'use'.*'thing'",
        ("flow.py:x",),
        {
            "flow.py": HEAD
            + "import threading\n@step\ndef use(thing: object) -> None: ...\n"
            + "@pipeline\ndef x():\n    use(threading.Lock())\n"
        },
    ),
    "a parameter as a value": Bad(
        5,
        r"parameter 'lr' of pipeline 'x' has no value while the pipeline is compiled",
        ("flow.py:x",),
        {"flow.py": HEAD + "@pipeline\ndef x(lr: float = 0.1):\n    if lr > 0.5: pass\n"},
    ),
    "a default that Airflow can't carry": Bad(
        5,
        r"parameter 'big'",
        ("flow.py:x",),
        {
            "flow.py": HEAD
            + "@step\ndef use(big: int) -> None: ...\n@pipeline\ndef x(big: int = 2**70):\n    use(big)\n"
        },
    ),
    "an unknown flavor": Bad(
        6,
        r"'locla'.*did you mean 'local'",
        ("flow.py:numbers",),
        {**MODULE, "pipes.toml": '[artifact_stores.local]\nflavor = "locla"\n'},
    ),
    "a config with mistakes, by field": Bad(
        6,
        r"\[artifact_stores\.local\] paht: .*did you mean 'path'",
        ("flow.py:numbers",),
        {**MODULE, "pipes.toml": '[artifact_stores.local]\nflavor = "local"\npaht = "x"\n'},
    ),
    "a pipes.toml that is no TOML": Bad(
        6,
        r"pipes\.toml is no valid TOML.*line 1",
        ("flow.py:numbers",),
        {**MODULE, "pipes.toml": "stack = = 1\n"},
    ),
    "an environment variable with a slip": Bad(
        6, r"PIPES_ACTIVE_STAK.*did you mean", ("flow.py:numbers",), MODULE, {"PIPES_ACTIVE_STAK": "x"}
    ),
    "an unknown stack": Bad(6, r"there is no stack 'prod'", ("flow.py:numbers", "--stack", "prod"), MODULE),
}


@pytest.mark.parametrize("command", ["run", "deploy"])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_has_its_message_and_its_code_and_writes_nothing(
    name: str, command: str, project: Project
) -> None:
    bad = BAD[name]
    for path, text in bad.files.items():
        project.write(path, text)
    before = project.tree()
    done = project.pipes(command, *bad.arguments, env=bad.env)
    assert_told(done, bad.code, bad.says)
    assert project.tree() == before


def assert_told(done: Done, code: int, says: str) -> None:
    assert re.search(says, done.err, re.DOTALL), done.err
    assert done.code == code, done
    assert done.out == ""
    assert "airflow_provider_pipes/" not in done.err, "a frame of ours is shown"


def test_a_pipes_toml_that_can_not_be_read_is_named(numbers: Project) -> None:
    (numbers.root / "pipes.toml").mkdir()
    before = numbers.tree()
    assert_told(numbers.pipes("run", "numbers_.py"), 6, r"can't read .*pipes\.toml: Is a directory")
    assert numbers.tree() == before


def test_a_module_that_the_snapshot_misses_is_named_with_the_include_to_add(project: Project) -> None:
    project.write("plugins/extra.py", "value = 1\n")
    project.write(
        "flow.py",
        HEAD
        + "import importlib\nname = 'plugins.' + 'extra'\nextra = importlib.import_module(name)\n"
        + "@step\ndef use() -> int: return extra.value\n@pipeline\ndef x():\n    use()\n",
    )
    before = project.tree()
    done = project.pipes("deploy", "flow.py:x", "--dags-folder", "dags")
    assert_told(
        done, 12, r"module 'plugins\.extra' is not in the code snapshot.*include=\['plugins/extra\.py'\]"
    )
    assert project.tree() == before


def test_a_run_name_is_taken_once(numbers: Project) -> None:
    assert numbers.pipes("run", "numbers_.py", "--run-name", "first").code == 0
    before = numbers.tree()
    done = numbers.pipes("run", "numbers_.py", "--run-name", "first", "--param", "number=4")
    assert_told(done, 8, r"already has a run named 'first'.*--resume first")
    assert numbers.tree() == before


def test_parameters_that_do_not_fit_are_all_told(numbers: Project) -> None:
    before = numbers.tree()
    done = numbers.pipes("run", "numbers_.py", "-p", 'number="text"', "-p", "nubmer=1")
    assert_told(done, 11, r"'nubmer' is no parameter.*parameter 'number': expected an integer, got \"text\"")
    assert numbers.tree() == before


@pytest.mark.parametrize("text", ["number=three", "number=NaN", "number=1,", "number="])
def test_what_is_no_json_is_told_before_anything_starts(numbers: Project, text: str) -> None:
    before = numbers.tree()
    assert_told(
        numbers.pipes("run", "numbers_.py", "-p", text), 11, "parameter 'number': expected an integer, got "
    )
    assert numbers.tree() == before


def test_a_dags_folder_that_is_a_file_is_refused(numbers: Project) -> None:
    numbers.write("dags", "")
    before = numbers.tree()
    done = numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags")
    assert_told(done, 7, r"dags/numbers\.py: not a directory")
    assert numbers.tree() == before


def test_a_dags_folder_that_can_not_be_written_is_refused(numbers: Project) -> None:
    folder = numbers.root / "dags"
    folder.mkdir(mode=0o555)
    # Permissions do not stop root; a folder of the kernel's does.
    chosen = "/proc/pipes" if os.access(folder, os.W_OK) else "dags"
    before = numbers.tree()
    assert_told(
        numbers.pipes("deploy", "numbers_.py", "--dags-folder", chosen), 7, r"cannot write the DAG file"
    )
    assert numbers.tree() == before


def test_a_file_that_is_not_ours_is_left_alone(numbers: Project) -> None:
    numbers.write("dags/numbers.py", "# mine\n")
    before = numbers.tree()
    for command in (["deploy", "numbers_.py"], ["deploy", "--check", "numbers_.py"], ["undeploy", "numbers"]):
        assert_told(numbers.pipes(*command), 7, r"dags/numbers\.py is not ours")
    assert numbers.tree() == before


def on_a_full_disk(numbers: Project, folder: str, *arguments: str) -> Done:
    """Run a command with a file system on ``folder`` that has not one block left."""
    (numbers.root / folder).mkdir()
    script = f'mount -t tmpfs -o size=4k tmpfs {folder} && head -c 4096 /dev/zero >{folder}/full && exec "$@"'
    mounted = ["unshare", "-rm", "sh", "-c", script, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], cwd=numbers.root).returncode:
        pytest.skip(
            "this machine lets nobody mount a small file system; root may, or who has user namespaces"
        )
    return numbers.run([*mounted, *numbers.command(*arguments)])


def test_a_full_disk_under_the_dags_folder_stops_everything(numbers: Project) -> None:
    done = on_a_full_disk(numbers, "dags", "deploy", "numbers_.py", "--dags-folder", "dags")
    assert_told(done, 7, r"cannot write the DAG file .*: no space left on device; free some space")
    assert set(numbers.tree()) == {"pyproject.toml", "numbers_.py", "dags"}


@pytest.mark.parametrize("command", ["run", "deploy"])
def test_a_full_disk_under_the_store_is_told(numbers: Project, command: str) -> None:
    numbers.write("pipes.toml", '[artifact_stores.local]\nflavor = "local"\npath = "store"\n')
    done = on_a_full_disk(numbers, "store", command, "numbers_.py")
    assert re.search(r"error: can't write .*: no space is left there: free some", done.err), done.err
    assert done.code == 13
    assert {path for path, data in numbers.tree().items() if data} <= {
        "pyproject.toml", "numbers_.py", "pipes.toml", ".pipes/.gitignore",
    }  # fmt: skip


def test_a_file_that_grows_too_large_is_never_seen_half_written(numbers: Project) -> None:
    def no_file_beyond_a_few_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    before = numbers.tree()
    done = numbers.pipes("run", "numbers_.py", preexec_fn=no_file_beyond_a_few_bytes)
    assert_told_among(
        done, 13, r"error: can't write .*larger than the file system or a limit of this process allows"
    )
    written = {path: data for path, data in numbers.tree().items() if path not in before and data}
    assert set(written) <= {".pipes/.gitignore"}


def assert_told_among(done: Done, code: int, says: str) -> None:
    assert re.search(says, done.err), done.err
    assert done.code == code


def test_a_store_that_can_not_be_written_is_named(numbers: Project) -> None:
    numbers.write("pipes.toml", '[artifact_stores.local]\nflavor = "local"\npath = "occupied"\n')
    numbers.write("occupied", "")
    before = numbers.tree()
    done = numbers.pipes("run", "numbers_.py")
    assert done.code == 13
    assert re.search(r"error: can't write .*occupied", done.err)
    assert {path for path in numbers.tree() if path not in before} <= {".pipes", ".pipes/.gitignore"}


def test_of_several_targets_all_mistakes_are_told_and_none_is_written(numbers: Project) -> None:
    numbers.write("broken.py", "1 / 0\n")
    before = numbers.tree()
    done = numbers.pipes("deploy", "numbers_.py", "broken.py", "missing.py", "--dags-folder", "dags")
    assert done.code == 4
    assert "ZeroDivisionError" in done.err
    assert "missing.py" in done.err
    assert numbers.tree() == before


def test_two_pipelines_of_one_name_are_not_deployed_together(numbers: Project) -> None:
    numbers.write("other.py", PIPELINE)
    before = numbers.tree()
    done = numbers.pipes("deploy", "numbers_.py", "other.py")
    assert_told(done, 7, r"numbers_\.py and other\.py would both be the DAG 'numbers'")
    assert numbers.tree() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), r"Usage: pipes"),
        (("rnu",), r"No such command 'rnu'.*Did you mean 'run'"),
        (("run",), r"Missing argument 'TARGET'"),
        (("run", "x.py", "--unknown"), r"No such option"),
        (("runs", "list", "--limit", "0"), r"--limit"),
        (("run", "numbers_.py", "--resume", "a", "--run-name", "b"), r"leave out --run-name"),
    ],
)
def test_a_wrong_command_line_exits_with_2(numbers: Project, arguments: tuple[str, ...], says: str) -> None:
    before = numbers.tree()
    done = numbers.pipes(*arguments)
    assert re.search(says, done.err + done.out, re.DOTALL)
    assert done.code == 2
    assert numbers.tree() == before


def test_text_of_the_user_is_no_markup_and_no_command_to_the_terminal(project: Project) -> None:
    project.write("flow.py", HEAD + "raise ValueError('[bold]x[/nope] \\x1b[2J end')\n")
    done = project.pipes("run", "flow.py:x")
    assert done.code == 4
    assert done.err.endswith(": [bold]x[/nope] \\x1b[2J end\n")
    assert "\x1b" not in done.err


def test_a_mistake_of_ours_is_told_in_one_line(numbers: Project, tmp_path: Path) -> None:
    breaking = tmp_path / "breaking"
    breaking.mkdir()
    (breaking / "sitecustomize.py").write_text(
        "import airflow_provider_pipes.compiler.target as target\n"
        "def load_target(text): raise RuntimeError('unforeseen')\n"
        "target.load_target = load_target\n"
    )
    done = numbers.pipes("run", "numbers_.py", env={"PYTHONPATH": str(breaking)})
    assert done.code == 70
    assert done.err.count("\n") == 1
    assert "this is a bug in airflow-provider-pipes (RuntimeError: unforeseen); set PIPES_DEBUG=1" in done.err
    shown = numbers.pipes("run", "numbers_.py", env={"PYTHONPATH": str(breaking), "PIPES_DEBUG": "1"})
    assert "Traceback" in shown.err
