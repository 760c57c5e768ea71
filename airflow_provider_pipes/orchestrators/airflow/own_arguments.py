"""The arguments of Airflow's operators that we set, and where to say what they would say."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_pipes.models.settings import TaskSettings
from airflow_provider_pipes.orchestrators.airflow.operator_config import DOCKER, KUBERNETES, PYTHON

_IMAGE = "give the image by docker=DockerSettings(skip_build=True, image=…) or let it be built"
_COMMAND = "the command runs the step"
_ENVIRONMENT = "give variables by docker=DockerSettings(environment={…})"
_SECRETS = "give secret variables by docker=DockerSettings(secrets={…})"
_RESULT = "references of the step's outputs go to XCom, without anything read from its output"
_DEPLOYMENT = "it comes from the deployment"

OWN_OF_ALL: Mapping[str, str] = {
    **{name: f"give it as an option of the step: @step({name}=…)" for name in TaskSettings.model_fields},
    "task_id": "it is the step's name: @step(name=…)",
    "dag": "the DAG file sets it",
    "task_group": "the DAG file sets it",
    "default_args": "the DAG file sets them; give defaults for all steps in the settings of the pipeline",
    "params": "give the pipeline parameters",
    "start_date": "give it by @pipeline(schedule=Schedule(start=…))",
    "end_date": "give it by @pipeline(schedule=Schedule(end=…))",
    "doc_md": "it is the docstring of the step's function",
    "resources": "give them by resources=ResourceSettings(…)",
    "do_xcom_push": _RESULT,
    "multiple_outputs": _RESULT,
    "deployment_id": _DEPLOYMENT,
    "pipeline": _DEPLOYMENT,
    "store": _DEPLOYMENT,
    "store_connection_id": _DEPLOYMENT,
    "step_name": _DEPLOYMENT,
}
OWN: Mapping[str, Mapping[str, str]] = {
    PYTHON: {
        "python_callable": "it is the step's function",
        "op_args": "inputs are given where the pipeline calls the step",
        "op_kwargs": "inputs are given where the pipeline calls the step",
        "templates_dict": "give the pipeline parameters",
        "templates_exts": "nothing of the step is a template",
        "show_return_value_in_logs": _RESULT,
    },
    DOCKER: {
        "image": _IMAGE,
        "command": _COMMAND,
        "environment": _ENVIRONMENT,
        "private_environment": _SECRETS,
        "retrieve_output": _RESULT,
        "retrieve_output_path": _RESULT,
        "xcom_all": _RESULT,
    },
    KUBERNETES: {
        "image": _IMAGE,
        "cmds": _COMMAND,
        "arguments": _COMMAND,
        "env_vars": _ENVIRONMENT,
        "durable": "a later attempt always goes on with the pod that an earlier one left",
        "reattach_on_restart": "a later attempt always goes on with the pod that an earlier one left",
        "store_volume": "give it in the orchestrator's configuration",
        "gpu_resource": "give it in the orchestrator's configuration",
        "gpu_type_label": "give it in the orchestrator's configuration",
    },
}
"""For each mode, beside those of all operators."""
ADDED: Mapping[str, frozenset[str]] = {KUBERNETES: frozenset({"unreachable_timeout"})}
"""Arguments that an operator of ours takes beside those of Airflow's own, and a user may set."""
