"""What a DAG file says of a deployment: the arguments of its DAG and of its tasks."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from keyword import iskeyword
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_pipes.models.canonical import canonical_json
from airflow_provider_pipes.models.deployment import (
    ParameterSpec,
    PipelineConfig,
    PipelineDeployment,
    StepSpec,
)
from airflow_provider_pipes.models.settings import Schedule, TaskSettings
from airflow_provider_pipes.orchestrators.airflow.flavor import (
    GPU_RESOURCE,
    GPU_TYPE_LABEL,
    AirflowOrchestratorConfig,
)
from airflow_provider_pipes.orchestrators.airflow.literal import Call, Name
from airflow_provider_pipes.orchestrators.airflow.modes import Mode, resource_pool

Arguments = dict[str, Any]

# Arguments of Airflow's Param itself, on the worker or on the server: no keys for a JSON schema.
_OF_PARAM = {"self", "default", "description", "source", "schema"}
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_UNITS = {"days": timedelta(days=1), "hours": timedelta(hours=1), "minutes": timedelta(minutes=1)}


def dag_arguments(
    deployment: PipelineDeployment,
    dag_id: str,
    store: str | Name,
    store_connection_id: str | None,
    common: Arguments,
) -> Arguments:
    """Return the arguments of the DAG, without those that are Airflow's own default.

    Args:
        deployment: The pipeline.
        dag_id: Airflow's name for it.
        store: Address of the artifact store.
        store_connection_id: Airflow connection that opens it.
        common: Further arguments for all tasks whose operator has them.
    """
    pipeline = deployment.pipeline
    arguments: Arguments = {"dag_id": dag_id}
    if pipeline.description:
        arguments["description"] = pipeline.description
    if pipeline.doc:
        arguments["doc_md"] = markdown(pipeline.doc)
    arguments |= _schedule_arguments(pipeline.schedule)
    if pipeline.run_timeout is not None:
        arguments["dagrun_timeout"] = _duration(timedelta(seconds=pipeline.run_timeout))
    if pipeline.tags:
        arguments["tags"] = list(pipeline.tags)
    if pipeline.parameters:
        arguments["params"] = {each.name: _param(each) for each in pipeline.parameters}
    arguments["default_args"] = _default_args(deployment, store, store_connection_id, common)
    return arguments


def task_arguments(
    step: StepSpec,
    pipeline: PipelineConfig,
    mode: Mode,
    image: str | Name | None,
    config: AirflowOrchestratorConfig,
    common_arguments: Arguments | None = None,
) -> Arguments:
    """Return the arguments of a step's task, without those that the DAG gives to all tasks.

    Args:
        step: The step.
        pipeline: Its pipeline.
        mode: How it runs.
        image: The image that it runs in, if it needs one.
        config: The orchestrator's configuration.
        common_arguments: What the DAG gives to all tasks beside the settings of the pipeline.
    """
    arguments: Arguments = {"task_id": step.name}
    if image is not None:
        arguments["image"] = image
    if step.doc:
        arguments["doc_md"] = markdown(step.doc)
    common = _task_settings(pipeline.task)
    own = _task_settings(step.task)
    if pool := resource_pool(step, mode, config):
        own = {**own, "pool": pool.name, "pool_slots": own.get("pool_slots", pool.slots)}
    arguments |= {name: value for name, value in own.items() if value != common.get(name)}
    given = common_arguments or {}
    return arguments | {name: value for name, value in mode.arguments.items() if name not in given}


def pod_arguments(config: AirflowOrchestratorConfig, local_store: bool) -> Arguments:
    """Return what operators of pods are told of the cluster, without what is their own default."""
    arguments: Arguments = {}
    if local_store and config.store_volume is not None:
        arguments["store_volume"] = json.loads(canonical_json(config.store_volume))
    if config.gpu_resource != GPU_RESOURCE:
        arguments["gpu_resource"] = config.gpu_resource
    if config.gpu_type_label != GPU_TYPE_LABEL:
        arguments["gpu_type_label"] = config.gpu_type_label
    return arguments


def markdown(text: str) -> str:
    """Return ``text`` such that Airflow takes it for text: it reads a file where ``doc_md`` ends in ".md"."""
    return f"{text}\n" if text.endswith(".md") else text


def _default_args(
    deployment: PipelineDeployment, store: str | Name, connection_id: str | None, common: Arguments
) -> Arguments:
    arguments: Arguments = {
        "deployment_id": deployment.id,
        "pipeline": deployment.pipeline.name,
        "store": store,
    }
    if connection_id is not None:
        arguments["store_connection_id"] = connection_id
    return arguments | common | _task_settings(deployment.pipeline.task)


def _task_settings(settings: TaskSettings) -> Arguments:
    # The fields bear the names of Airflow's arguments.
    given = {name: getattr(settings, name) for name in TaskSettings.model_fields}
    return {
        name: _duration(value) if isinstance(value, timedelta) else value
        for name, value in given.items()
        if value is not None
    }


def _schedule_arguments(schedule: Schedule | None) -> Arguments:
    if schedule is None:
        return {"schedule": None}
    arguments: Arguments = {"schedule": _timetable(schedule)}
    if schedule.start is not None:
        arguments["start_date"] = _moment(schedule, schedule.start)
    if schedule.end is not None:
        arguments["end_date"] = _moment(schedule, schedule.end)
    arguments["catchup"] = schedule.catchup
    if schedule.max_active_runs is not None:
        arguments["max_active_runs"] = schedule.max_active_runs
    return arguments


def _timetable(schedule: Schedule) -> Call:
    # A plain cron string or timedelta means one of two timetables, by a setting of the Airflow that reads it.
    if schedule.interval is not None:
        return Call("DeltaTriggerTimetable", [_duration(schedule.interval)])
    return Call("CronTriggerTimetable", [schedule.cron], {"timezone": schedule.timezone})


def _moment(schedule: Schedule, moment: datetime) -> Call:
    # In the schedule's zone, however it was written: a deployment read back from JSON has lost the zone's
    # name, and the fold of a moment without one.
    written = moment if moment.tzinfo else moment.replace(fold=0)
    local = schedule.localized(written).astimezone(UTC).astimezone(ZoneInfo(schedule.timezone))
    numbers = [local.year, local.month, local.day, local.hour, local.minute, local.second, local.microsecond]
    while len(numbers) > 3 and numbers[-1] == 0:
        numbers.pop()
    tzinfo = Name("UTC") if schedule.timezone == "UTC" else Call("ZoneInfo", [schedule.timezone])
    return Call("datetime", numbers, {"tzinfo": tzinfo} | ({"fold": 1} if local.fold else {}))


def _duration(value: timedelta) -> Call:
    if value.microseconds:
        whole = value - timedelta(microseconds=value.microseconds)
        seconds = {"seconds": whole // timedelta(seconds=1)} if whole else {}
        return Call("timedelta", [], {**seconds, "microseconds": value.microseconds})
    for name, unit in _UNITS.items():
        if not value % unit:
            return Call("timedelta", [], {name: value // unit})
    return Call("timedelta", [], {"seconds": value // timedelta(seconds=1)})


def _param(parameter: ParameterSpec) -> Call:
    # Sorted, as in the deployment document: reading one back must not change the file.
    schema = json.loads(canonical_json(parameter.json_schema))
    default = [] if parameter.required else [json.loads(canonical_json(parameter.default))]
    keywords: Arguments = {}
    description = schema.pop("description", None)
    if isinstance(description, str) and description:
        keywords["description"] = description
    for name in _OF_PARAM:
        schema.pop(name, None)
    schema = {"type": schema.pop("type"), **schema} if "type" in schema else schema
    if all(_PLAIN_NAME.match(name) and not iskeyword(name) for name in schema):
        return Call("Param", default, keywords | schema)
    return Call("Param", default, {**keywords, "schema": schema})
