"""What a pipeline says about itself as a whole: its name, texts, schedule and defaults."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_pipes.compiler import settings
from airflow_provider_pipes.compiler.orchestrator_settings import orchestrator_settings, unfolded
from airflow_provider_pipes.compiler.texts import check_name, check_text, text_list
from airflow_provider_pipes.models.deployment import ParameterSpec, PipelineConfig
from airflow_provider_pipes.models.settings import ResourceSettings, Settings

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline
    from airflow_provider_pipes.compiler.stackview import StackView

_TAG_MAX_LENGTH = 100


@dataclass(frozen=True)
class StepDefaults:
    """What a pipeline says for all of its steps, beside what its configuration holds.

    Attributes:
        resources: Defaults of their resources.
        orchestrator: What is said to the orchestrator; None where it takes no settings.
    """

    resources: ResourceSettings
    orchestrator: Settings | None


def step_defaults(pipeline: Pipeline[...], stack: StackView, problems: list[str]) -> StepDefaults:
    """Return the defaults that a pipeline gives to its steps."""
    where = f"pipeline {pipeline.name!r}"
    # What is wrong with the docker settings is told by pipeline_config.
    options = unfolded(where, pipeline.options, [])
    resources = settings.resources(where, options, stack.resources, problems)
    return StepDefaults(resources, orchestrator_settings(where, pipeline.options, stack, None, problems))


def pipeline_config(
    pipeline: Pipeline[...], parameters: tuple[ParameterSpec, ...], stack: StackView, problems: list[str]
) -> PipelineConfig | None:
    """Return the pipeline's configuration, or None where something is wrong with it."""
    found: list[str] = []
    where = f"pipeline {pipeline.name!r}"
    options = unfolded(where, pipeline.options, found)
    doc = inspect.getdoc(pipeline.function) or ""
    description = options.get("description", doc.partition("\n")[0])
    check_name("pipeline", pipeline.name, found)
    check_text(f"{where}, description", description, found)
    check_text(f"{where}, docstring", doc, found)
    task = settings.task_settings(where, options, found).over(stack.task)
    schedule = settings.schedule(where, options, found)
    docker = settings.docker(where, options, stack.docker, found)
    tags, run_timeout = _tags(pipeline, where, found), _run_timeout(pipeline, where, found)
    problems += found
    if found:
        return None
    return PipelineConfig(
        name=pipeline.name,
        source=pipeline.source,
        description=description,
        doc=doc,
        parameters=parameters,
        schedule=schedule,
        tags=tags,
        task=task,
        run_timeout=run_timeout,
        docker_settings=docker,
    )


def _tags(pipeline: Pipeline[...], where: str, problems: list[str]) -> tuple[str, ...]:
    tags = text_list(f"{where}, tags", pipeline.options.get("tags", ()), problems)
    for tag in tags:
        check_text(f"{where}, tag {tag!r}", tag, problems)
        if not 0 < len(tag) <= _TAG_MAX_LENGTH:
            problems.append(
                f"{where}, tag {tag[:20]!r}…: has {len(tag)} characters; Airflow takes 1 to {_TAG_MAX_LENGTH}"
            )
    return tuple(dict.fromkeys(tags))


def _run_timeout(pipeline: Pipeline[...], where: str, problems: list[str]) -> float | None:
    timeout = pipeline.options.get("run_timeout")
    if timeout is None:
        return None
    if not isinstance(timeout, timedelta) or timeout <= timedelta(0):
        problems.append(f"{where}, run_timeout: expected a timedelta longer than zero, got {timeout!r}")
        return None
    return timeout.total_seconds()
