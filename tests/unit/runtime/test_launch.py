from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest
from airflow_provider_pipes.models.paths import cache_path
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step
from tests.project import UserProject

TEXT = """
    from helper import {name}

    @step
    def load(n: int, rows: Any = None) -> int:
        from lazy import again
        return {name}(n) + again(0)

    @step{options}
    def use(n: int) -> int:
        return n

    @pipeline
    def p(n: int = 3):
        use(load(n, {constant}))
"""
FILES = {
    "helper.py": "import below\n\ndef double(n):\n    return below.times(n)\n",
    "below.py": "def times(n):\n    return 2 * n\n",
    "lazy.py": "import deeper\n\ndef again(n):\n    return deeper.same(n)\n",
    "deeper.py": "def same(n):\n    return n\n",
}


@pytest.fixture
def app(project: UserProject) -> UserProject:
    for path, text in FILES.items():
        project.write(path, text)
    return project.pipeline(TEXT.format(name="double", options="", constant=1))


def launch(project: UserProject, step: str = "load", token: str = "t", **fields: Any) -> StepLaunch:
    deployment = project.deployment()
    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    return StepLaunch(storage=project.storage, plan=plan.step(step), run_name="r", token=token, **fields)


def run(
    project: UserProject,
    step: str = "load",
    token: str = "t",
    n: Any = 3,
    before: Manifest | None = None,
    **fields: Any,
) -> Manifest:
    """Launch and run a step as an orchestrator does; a cached result has ``cached_from``."""
    made = launch(project, step, token, **fields)
    upstream = {} if before is None else {"load": before.outputs}
    done = made.finished() or made.prepare({"n": n}, upstream)
    if done is not None:
        return done
    info = read_execution_info(project.storage, made.execution_info_path)
    return run_step(project.storage, info, made.plan.deployment)


def is_hit(project: UserProject, **fields: Any) -> bool:
    """Say whether a second run of the step is served by the cache."""
    return run(project, token="second", **fields).cached_from is not None


def test_preparing_writes_what_the_step_needs_to_know(app: UserProject) -> None:
    made = launch(app, attempt=2)
    assert made.prepare({"n": 3}, {}) is None
    info = ExecutionInfo.from_json(app.storage.read("runs/p/r/load/t/execution-info-2.json"))
    assert (info.step, info.run_name, info.token, info.attempt, info.prefix) == (
        "load",
        "r",
        "t",
        2,
        made.prefix,
    )
    assert info.inputs == {"n": {"value": 3}, "rows": {"value": 1}}
    assert info.deployment_id == made.plan.deployment.id
    assert info.cache_key is not None


def test_a_result_that_is_there_is_found_whatever_the_attempt(app: UserProject) -> None:
    assert launch(app).finished() is None
    first = run(app)
    assert launch(app, attempt=7).finished() == first
    assert launch(app, token="other").finished() is None


def test_the_same_code_and_inputs_are_a_hit(app: UserProject) -> None:
    first = run(app)
    second = run(app, token="second")
    assert second.outputs == first.outputs
    assert second.cached_from == "runs/p/r/load/t"
    assert not app.storage.exists("runs/p/r/load/second/execution-info-1.json")


@pytest.mark.parametrize("module", ["helper.py", "below.py", "lazy.py", "deeper.py", "pipeline.py"])
def test_a_change_of_a_module_that_the_step_can_reach_is_a_miss(app: UserProject, module: str) -> None:
    run(app)
    file = app.root / module
    file.write_text(file.read_text() + "\n# changed\n")
    assert not is_hit(app)


def test_a_change_of_another_module_is_still_a_hit(app: UserProject) -> None:
    run(app)
    app.write("unreachable.py", "changed = True\n")
    assert is_hit(app)


def test_another_parameter_is_a_miss(app: UserProject) -> None:
    run(app)
    assert not is_hit(app, n=4)


def test_another_constant_is_a_miss(app: UserProject) -> None:
    run(app)
    app.pipeline(TEXT.format(name="double", options="", constant="[1]"))
    assert not is_hit(app)


def test_other_requirements_are_a_miss(app: UserProject) -> None:
    run(app)
    app.write("pipes.toml", '[settings.docker]\nrequirements = ["pandas"]\n')
    assert not is_hit(app)
    assert run(app, token="third").cached_from == "runs/p/r/load/second"


def test_the_content_of_an_input_decides_and_not_where_it_lies(app: UserProject) -> None:
    for token, n in (("t", 3), ("other", 4), ("same", 3)):
        before = run(app, token=token, n=n, use_cache=False)
        found = run(app, step="use", token=f"{token}-use", before=before)
        assert (found.cached_from is not None) is (token == "same")


def test_a_step_without_cache_neither_looks_nor_files(app: UserProject) -> None:
    app.pipeline(TEXT.format(name="double", options="(cache=False)", constant=1))
    before = run(app)
    assert run(app, step="use", before=before).cache_key is None
    assert run(app, step="use", token="second", before=before).cached_from is None


def test_a_run_without_cache_does_not_look_but_files(app: UserProject) -> None:
    run(app)
    assert not is_hit(app, use_cache=False)
    assert run(app, token="third").cached_from == "runs/p/r/load/second"


def test_an_entry_whose_payload_is_gone_is_a_miss_and_is_mended(app: UserProject) -> None:
    first = run(app)
    app.storage.remove(first.references()["output"].path)
    assert not is_hit(app)
    assert run(app, token="third").cached_from == "runs/p/r/load/second"


def test_a_corrupt_entry_is_a_miss_and_is_mended(app: UserProject) -> None:
    first = run(app)
    assert first.cache_key is not None
    app.storage.write(cache_path(first.cache_key), b"\x00\x01")
    assert not is_hit(app)
    assert run(app, token="third").cached_from == "runs/p/r/load/second"
