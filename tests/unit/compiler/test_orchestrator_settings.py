"""The option ``settings`` of steps and pipelines, resolved into the deployment."""

from __future__ import annotations

import pytest

from airflow_provider_pipes import DockerSettings, ResourceSettings
from airflow_provider_pipes.authoring.options import StepOptions, overridden
from airflow_provider_pipes.errors import CompileError
from tests.project import UserProject

AIRFLOW = """
    from airflow_provider_pipes.models.settings import AirflowSettings
"""
OWN = """
    from typing import ClassVar

    from pydantic import Field

    from airflow_provider_pipes.models.settings import Settings
    from airflow_provider_pipes.orchestrators import BaseOrchestrator, BaseOrchestratorFlavor

    class QueueSettings(Settings):
        queue: str = "usual"
        priority: int = Field(default=0, ge=0)

    class QueueOrchestrator(BaseOrchestrator):
        settings_class: ClassVar[type[Settings] | None] = QueueSettings

        def prepare_or_run_pipeline(self, deployment, stack):
            return [step.orchestrator_settings for step in deployment.steps.values()]

    class BrokenOrchestrator(QueueOrchestrator):
        def resolved_settings(self, own, defaults):
            raise KeyError("queue")

        def check_steps(self, steps, stack, project_root):
            raise LookupError("steps")

    class QueueFlavor(BaseOrchestratorFlavor):
        name = "queue"
        implementation_class = QueueOrchestrator

    class BrokenFlavor(BaseOrchestratorFlavor):
        name = "broken"
        implementation_class = BrokenOrchestrator
"""
OWN_STACK = """
    active_stack = "own"
    [stacks.own]
    orchestrator = "{flavor}"
    artifact_store = "local"
    [orchestrators.{flavor}]
    flavor = "{flavor}"
    [flavors.orchestrator]
    queue = "own_orchestrator:QueueFlavor"
    broken = "own_orchestrator:BrokenFlavor"
"""


def one_step(step: str = "", pipeline: str = "") -> str:
    return f"""
    {AIRFLOW}
    @step({step})
    def load() -> int:
        return 1

    @pipeline({pipeline})
    def p() -> None:
        load()
    """


def own(project: UserProject, flavor: str = "queue") -> UserProject:
    project.write("own_orchestrator.py", OWN)
    project.write("pipes.toml", OWN_STACK.format(flavor=flavor))
    return project


def test_docker_and_resources_may_stand_among_the_settings(project: UserProject) -> None:
    project.pipeline(
        one_step(
            "settings={'docker': DockerSettings(user='7'), 'resources': {'memory': '1GB'}}",
            "settings={'docker': {'platform': 'linux/amd64'}}, resources=ResourceSettings(cpu_count=2)",
        )
    )
    (step,) = project.deployment().step_specs
    assert step.docker_settings == DockerSettings(user="7", platform="linux/amd64")
    assert step.resource_settings == ResourceSettings(memory="1GB", cpu_count=2)


def test_resources_of_a_pipeline_go_over_those_of_the_project(project: UserProject) -> None:
    project.write("pipes.toml", '[settings.resources]\nmemory = "1GB"\ncpu_count = 4\n')
    project.pipeline(one_step(pipeline="settings={'resources': {'memory': '2GB'}}"))
    assert project.deployment().steps["load"].resource_settings == ResourceSettings(memory="2GB", cpu_count=4)


def test_what_is_said_twice_is_told(project: UserProject) -> None:
    project.pipeline(
        one_step(
            "docker=DockerSettings(user='7'), settings={'docker': {'user': '8'}}",
            "resources=ResourceSettings(memory='1GB'), settings={'resources': {}}",
        )
    )
    assert project.problems() == (
        "pipeline 'p': resources is given twice, as resources=… and as settings['resources']; keep one",
        "step 'load': docker is given twice, as docker=… and as settings['docker']; keep one",
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            "{'dokcer': {}}",
            r"there is no key 'dokcer' \(did you mean 'docker'\?\); known: docker, orchestrator",
        ),
        (
            "{'orchestrator.airflwo': {}}",
            r"no key 'orchestrator.airflwo' \(did you mean 'orchestrator.airflow'",
        ),
        ("{7: {}}", "there is no key 7; known"),
        ("[]", r"settings: expected a dict, as \{'docker': DockerSettings\(…\)\}, got \[\]"),
        (
            "{'docker': 'x'}",
            r"settings\['docker'\]: expected DockerSettings\(…\) or a dict of its fields, got 'x'",
        ),
        ("{'docker': {'usr': 'x'}}", r"settings\['docker'\], usr: unknown field \(did you mean 'user'\?\)"),
        (
            "{'resources': {'cpu_count': -1}}",
            r"settings\['resources'\], cpu_count: expected more than 0(.0)?, got -1",
        ),
        ("{'resources': DockerSettings()}", r"expected ResourceSettings\(…\) or a dict of its fields"),
        ("{'orchestrator': {'operatr': 'x'}}", r"operatr: unknown field \(did you mean 'operator'\?\)"),
        ("{'orchestrator': AirflowSettings}", r"expected AirflowSettings\(…\) or a dict of its fields"),
    ],
)
@pytest.mark.parametrize("place", ["step", "pipeline"])
def test_what_is_no_setting_is_told_once_with_its_place(
    project: UserProject, settings: str, told: str, place: str
) -> None:
    project.pipeline(one_step(**{place: f"settings={settings}"}))
    with pytest.raises(CompileError, match=told) as error:
        project.compile(deploy=True)
    (problem,) = error.value.problems
    assert problem.startswith({"step": "step 'load', settings", "pipeline": "pipeline 'p', settings"}[place])


def test_settings_of_another_flavor_are_for_another_stack(project: UserProject) -> None:
    project.pipeline(one_step("settings={'orchestrator.airflow': {'operator': 'docker', 'no': 'field'}}"))
    compiled = project.compile()
    assert compiled.deployment.steps["load"].orchestrator_settings == {}
    assert compiled.warnings == ()


def test_an_orchestrator_without_settings_says_that_it_ignores_some(project: UserProject) -> None:
    project.pipeline(one_step("settings={'orchestrator': {'operator': 'docker'}}"))
    (warning,) = project.compile().warnings
    assert warning == (
        "step 'load', settings['orchestrator']: orchestrator 'local' takes no settings and ignores them; "
        "give what is meant for another one under the name of its flavor, as 'orchestrator.airflow'"
    )


def test_an_orchestrator_of_somebody_elses_gets_its_settings_validated(project: UserProject) -> None:
    own(project).pipeline(
        one_step(
            "settings={'orchestrator.queue': {'priority': 3}}",
            "settings={'orchestrator': {'queue': 'night', 'priority': 1}}",
        )
    )
    assert project.deployment().steps["load"].orchestrator_settings == {"queue": "night", "priority": 3}
    own(project).pipeline(one_step("settings={'orchestrator.queue': {'priority': -3}}"))
    assert (
        project.problem()
        == "step 'load', settings['orchestrator.queue'], priority: expected at least 0, got -3"
    )


def test_a_key_for_a_flavor_of_the_project_is_known_whatever_the_stack(project: UserProject) -> None:
    own(project).pipeline(one_step("settings={'orchestrator.broken': {}, 'orchestrator.airflow': {}}"))
    assert project.deployment().steps["load"].orchestrator_settings == {}


def test_what_an_orchestrator_of_somebody_elses_raises_is_told_as_its_own(project: UserProject) -> None:
    own(project, "broken").pipeline(one_step("settings={'orchestrator': {}}"))
    problems = project.problems()
    assert any(
        "orchestrator 'broken' raised KeyError in resolved_settings: 'queue'" in each for each in problems
    )
    assert any("orchestrator 'broken' raised LookupError in check_steps: steps" in each for each in problems)


def test_other_settings_go_over_those_of_the_same_key() -> None:
    docker, resources = DockerSettings(user="7"), ResourceSettings(memory="1GB")
    base: StepOptions = {
        "settings": {"docker": docker, "orchestrator": {"operator": "docker"}},
        "resources": resources,
    }
    other = overridden(base, {"settings": {"orchestrator": {}}})
    assert other == {"settings": {"docker": docker, "orchestrator": {}}, "resources": resources}
    over_option = overridden(base, {"settings": {"resources": {}}})
    assert "resources" not in over_option
    assert over_option["settings"]["resources"] == {}
    over_setting = overridden(base, {"docker": DockerSettings()})
    assert over_setting["docker"] == DockerSettings()
    assert "docker" not in over_setting["settings"]
