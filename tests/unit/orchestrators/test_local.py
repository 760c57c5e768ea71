from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_pipes.errors import ArtifactError, ParameterError, RunFailedError
from airflow_provider_pipes.models.deployment import StepSpec
from airflow_provider_pipes.models.settings import ResourceSettings
from airflow_provider_pipes.orchestrators.local import LocalOrchestrator
from airflow_provider_pipes.orchestrators.local_flavor import LocalOrchestratorConfig
from airflow_provider_pipes.orchestrators.submission import ProgressListener, Silent
from tests.project import UserProject

ONE = "    @step\n    def one() -> int:\n        return 1\n\n    @pipeline\n    def p():\n        one()\n"


def orchestrator() -> LocalOrchestrator:
    return LocalOrchestrator("local", LocalOrchestratorConfig())


def test_there_is_nothing_to_start_or_stop() -> None:
    made = orchestrator()
    made.up()
    made.down()
    assert made.is_running
    assert made.log_file is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"resource_settings": ResourceSettings(gpu_count=1)}, True),
        ({"resource_settings": ResourceSettings(gpu_count=1), "step_operator": "gpu"}, False),
    ],
)
def test_resources_are_needed_here_unless_a_step_operator_gives_them(
    fields: dict[str, Any], expected: bool
) -> None:
    step = StepSpec(name="s", source="m:s", code_hash="c", **fields)
    assert orchestrator().requires_resources_in_orchestration_environment(step) is expected


def test_the_run_leaves_what_another_process_needs(project: UserProject) -> None:
    project.pipeline(ONE).run(run_name="one")
    storage = project.storage
    (deployment,) = storage.list("deployments")
    (code,) = storage.list("code")
    assert (deployment.endswith(".json"), code.endswith(".zip")) == (True, True)
    assert storage.list("runs/p/one") == ["end.json", "one", "run.json"]


def test_code_and_deployment_are_stored_once(project: UserProject) -> None:
    project.pipeline(ONE)
    for _ in range(2):
        project.run()
    assert len(project.storage.list("code")) == len(project.storage.list("deployments")) == 1


def test_parameters_are_checked_before_anything_is_written(project: UserProject) -> None:
    project.pipeline(ONE.replace("def p():", "def p(n: int):").replace("one()\n\n", "one()\n\n"))
    with pytest.raises(ParameterError, match="parameter 'n': expected an integer, got \"a\""):
        project.run(parameters={"n": "a"})
    assert not (project.root / ".pipes").exists()


def test_a_store_that_can_not_be_written_is_told(project: UserProject) -> None:
    project.write(".pipes", "a file where the store's folder should be")
    with pytest.raises(ArtifactError, match="a folder on the way to it is a file: move that file away"):
        project.pipeline(ONE).run()


def test_a_listener_that_does_nothing_is_enough(project: UserProject) -> None:
    silent: ProgressListener = Silent()
    text = (
        ONE.replace("return 1", "raise SkipStep")
        + "        failing()\n\n    @step(retries=1)\n    def failing():\n        raise ValueError\n"
    )
    with pytest.raises(RunFailedError):
        project.pipeline(text).run(listener=silent)


def test_a_store_of_another_place_is_used_as_the_configuration_says(project: UserProject) -> None:
    project.write("pipes.toml", '[artifact_stores.local]\npath = "elsewhere"\n')
    project.pipeline(ONE).run(run_name="one")
    assert (project.root / "elsewhere" / "runs" / "p" / "one" / "run.json").is_file()
