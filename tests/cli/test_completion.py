"""What the shell completes, asked as bash asks it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Project
from tests.cli.registering import with_flavors

# Makes typer ask which shell it is; otherwise it looks at the processes above it, which tests can't choose.
WITH_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


def completed(project: Project, line: str) -> list[str]:
    words = f"pipes {line}".split(" ")
    env = {
        "_PIPES_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = project.pipes(env=env)
    assert (done.code, done.err) == (0, ""), done
    return sorted(done.out.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("step-op", ["step-operator"]),
        ("stack set ", ["default", "spare", "team"]),
        ("stack set t", ["team"]),
        ("stack copy ", ["default", "spare", "team"]),
        ("stack register x --orchestrator ", ["airflow", "local"]),
        ("stack register x -s ", ["gpu"]),
        ("stack update team --artifact-store ", ["data", "local"]),
        ("stack update team --unset ", ["container-registry", "image-builder"]),
        ("step-operator describe ", ["gpu"]),
        ("artifact-store delete d", ["data"]),
        ("step-operator register x --flavor ", ["far", "moon", "subprocess"]),
        ("step-operator flavor describe ", ["far", "moon", "subprocess"]),
        ("artifact-store flavor describe ", ["abfs", "fsspec", "gcs", "local", "s3"]),
        ("step-operator register x --flavor moon --n", ["--namespace", "--nodes"]),
        ("step-operator update gpu --n", ["--namespace", "--nodes"]),
        ("step-operator update gpu --unset ", ["cpus", "gpu", "labels", "namespace", "nodes", "share"]),
        ("orchestrator register x --flavor airflow --dags", ["--dags-folder", "--dags-templates-dir"]),
        ("step-operator register x --flavor nobody --n", []),
    ],
)
def test_names_and_fields_are_completed(project: Project, line: str, words: list[str]) -> None:
    assert completed(with_flavors(project), line) == words


def test_nothing_is_said_where_there_is_nothing_to_complete(project: Project) -> None:
    assert completed(project, "step-operator describe ") == []
    project.write("pipes.toml", "broken = = 1\n")
    assert completed(project, "stack set ") == ["default"]
    project.write("pipes.toml", 'stacks = "text"\nstep_operators = 3\n')
    assert completed(project, "step-operator describe ") == []


def test_what_a_flavors_module_prints_is_no_completion(project: Project) -> None:
    with_flavors(project)
    file = project.root / "team_flavors.py"
    file.write_text(file.read_text() + "\nprint('hello')\n")
    assert completed(project, "step-operator update gpu --c") == ["--cpus"]


def test_names_are_completed_without_building_models(project: Project) -> None:
    with_flavors(project)
    code = (
        "import sys\nfrom airflow_provider_pipes.cli.main import main\nmain()\n"
        "assert 'airflow_provider_pipes.stack.projectfile' not in sys.modules\n"
        "assert 'airflow' not in sys.modules\n"
    )
    env = {"_PIPES_COMPLETE": "complete_bash", "COMP_WORDS": "pipes stack set ", "COMP_CWORD": "3"}
    done = project.run([project.command()[0], "-c", code], env)
    assert (done.code, done.err) == (0, ""), done
    assert sorted(done.out.split()) == ["default", "spare", "team"]


def test_the_script_for_the_shell_asks_this_command(project: Project) -> None:
    env = {**WITH_SHELL, "HOME": str(project.root)}
    done = project.pipes("--show-completion", "bash", env=env)
    assert done.code == 0, done
    assert "_PIPES_COMPLETE=complete_bash" in done.out
    assert done.out.rstrip().endswith("_pipes_completion pipes")
    done = project.pipes("--install-completion", "bash", env=env)
    assert done.code == 0, done
    assert "_PIPES_COMPLETE=complete_bash" in (project.root / ".bash_completions" / "pipes.sh").read_text()
