"""What is said of a step's environment in the place that does not count for how the step runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.authoring.tracing import StepCall
from airflow_provider_pipes.compiler.orchestrator_settings import said_to_orchestrator, unfolded
from airflow_provider_pipes.models.settings import DockerSettings

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline
    from airflow_provider_pipes.compiler.orchestrator_view import OrchestratorView
    from airflow_provider_pipes.compiler.stackview import StackView

_OF_IMAGE = ("parent_image", "dockerfile", "requirements", "apt_packages", "image")
_WITHOUT_IMAGE = ("python", "requirements")


def misplaced_settings(
    pipeline: Pipeline[...], calls: Sequence[StepCall], stack: StackView, in_image: Mapping[str, bool]
) -> list[str]:
    """Return a warning for each step, and the pipeline, whose words on its environment have no effect.

    What the project says for all of its pipelines is no mistake where one of them has no use for it.

    Args:
        pipeline: The pipeline.
        calls: Its steps.
        stack: What it is compiled for.
        in_image: For each step, by name, whether it runs in an image; others are not looked at.
    """
    found = []
    if in_image and not any(in_image.values()):
        found += _without_image(
            f"pipeline {pipeline.name!r}", pipeline.options, stack.orchestrator, "its steps run"
        )
    for call in calls:
        where, options = f"step {call.name!r}", call.step.options
        if in_image.get(call.name) is False:
            found += _without_image(where, options, stack.orchestrator, "it runs")
        elif in_image.get(call.name):
            found += _in_image(where, options, stack)
    return found


def _without_image(
    where: str, options: Mapping[str, Any], orchestrator: OrchestratorView, runs: str
) -> list[str]:
    docker = unfolded(where, options, []).get("docker")
    said = [name for name in _OF_IMAGE if getattr(docker, name)] if isinstance(docker, DockerSettings) else []
    settings = orchestrator.settings_class
    given = said_to_orchestrator(options, orchestrator)
    if "requirements" in said and any(name in given for name in _WITHOUT_IMAGE):
        said.remove("requirements")  # said in both places: here for the cache key, or for another stack
    if not said:
        return []
    message = f"{where}, docker: {_have(said)} no effect but on the cache, since {runs} without an image"
    if "requirements" in said and settings is not None and "requirements" in settings.model_fields:
        message += (
            f"; for an environment on the worker give settings={{'orchestrator.{orchestrator.flavor}': "
            f"{settings.__name__}(requirements=…)}}"
        )
    return [f"{message}; for an image choose operator='docker' or 'kubernetes'"]


def _in_image(where: str, options: Mapping[str, Any], stack: StackView) -> list[str]:
    given = said_to_orchestrator(options, stack.orchestrator)
    said = [name for name in _WITHOUT_IMAGE if given.get(name)]
    if not said:
        return []
    place = f"{where}, settings['orchestrator.{stack.orchestrator.flavor}']"
    advice = "say what that holds by docker=DockerSettings(requirements=…, parent_image=…)"
    return [f"{place}: {_have(said)} no effect, since it runs in an image; {advice}"]


def _have(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'}"
