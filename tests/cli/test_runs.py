"""`pipes runs`: what it needs of a stack, and what it says where there is nothing to list."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.cli.conftest import PIPELINE, Project
from tests.cli.registering import pipes_here
from tests.cli.test_completion import completed

MISSING = """
    [stacks.team]
    orchestrator = "far"
    artifact_store = "local"
    step_operators = ["gpu"]

    [orchestrators.far]
    flavor = "nowhere_at_all:Flavor"

    [step_operators.gpu]
    flavor = "nowhere_at_all:Other"
"""


def test_runs_are_read_where_a_step_operators_package_is_missing(numbers: Project) -> None:
    assert numbers.pipes("run", "numbers_.py", "--run-name", "first").code == 0
    numbers.write("pipes.toml", MISSING)
    assert numbers.pipes("run", "numbers_.py").code != 0
    done = pipes_here(numbers, "runs", "list")
    assert (done.code, done.err) == (0, "")
    assert "first" in done.out
    assert pipes_here(numbers, "runs", "show", "first").code == 0


def test_a_pipeline_without_runs_is_told_from_a_store_without_runs(numbers: Project) -> None:
    assert "there are no runs yet" in pipes_here(numbers, "runs", "list", "--pipeline", "nope").out
    assert numbers.pipes("run", "numbers_.py").code == 0
    done = pipes_here(numbers, "runs", "list", "--pipeline", "nope")
    assert (done.code, done.err) == (0, "")
    assert done.out == "there are no runs of pipeline 'nope'; there are runs of: numbers\n"


def test_names_of_runs_and_stacks_are_completed(numbers: Project) -> None:
    assert completed(numbers, "runs show ") == []
    for name in ("first", "second"):
        assert numbers.pipes("run", "numbers_.py", "--run-name", name).code == 0
    assert completed(numbers, "runs show ") == ["first", "second"]
    assert completed(numbers, "runs show s") == ["second"]
    for line in ("runs list --stack ", "run numbers_.py --stack d", "deploy x.py --stack d"):
        assert completed(numbers, line) == ["default"]


def test_deployed_dags_are_completed_for_undeploy(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags").code == 0
    assert completed(numbers, "undeploy --dags-folder dags ") == ["numbers"]
    assert completed(numbers, "undeploy --dags-folder nowhere ") == []


def test_the_hint_after_a_run_works_where_it_is_read(tmp_path: Path) -> None:
    there = Project(tmp_path / "there", tmp_path / "cache")
    there.write("pipes.toml", "")
    there.write("numbers_.py", PIPELINE)
    here = Project(tmp_path / "here", tmp_path / "cache")
    here.write("pipes.toml", "")
    done = here.pipes("run", "../there/numbers_.py", "--run-name", "r", "--stack", "default")
    assert done.code == 0, done
    hint = done.out.partition("look at it with `")[2].partition("`")[0]
    assert hint == "(cd ../there && pipes runs show r --stack default)"
    pipes = shlex.join(here.command())
    assert here.run(["bash", "-c", hint.replace("pipes", pipes, 1)]).code == 0
    assert "`pipes runs show s`" in there.pipes("run", "numbers_.py", "--run-name", "s").out
