"""The flavor of the airflow orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from airflow_provider_pipes.models.names import airflow_key_problem
from airflow_provider_pipes.orchestrators.airflow.limits import POOL_MAX_LENGTH
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import argument_problems
from airflow_provider_pipes.orchestrators.airflow.operator_config import (
    BOTH_ENVIRONMENTS,
    BUILT_IN,
    PYTHON,
    OperatorConfig,
    operator_problem,
    requirement_problems,
)
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig, BaseOrchestratorFlavor

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator


def _dag_id_template(value: str) -> str:
    try:
        fields = [part[1:] for part in Formatter().parse(value) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"expected a template as 'staging_{{pipeline}}', got {value!r}: {error}") from None
    unknown = [name for name, spec, conversion in fields if name != "pipeline" or spec or conversion]
    if unknown:
        raise ValueError(f"expected a template with {{pipeline}} only, got {value!r}")
    if not fields:
        raise ValueError(f"{value!r} would give every pipeline the same DAG id; put {{pipeline}} into it")
    if problem := airflow_key_problem("dag_id", value.format(pipeline="pipeline")):
        raise ValueError(problem)
    return value


def _operators(value: dict[str, OperatorConfig]) -> dict[str, OperatorConfig]:
    problems = []
    for name, operator in value.items():
        if name in BUILT_IN and operator.model_fields_set - {"args"}:
            problems.append(f"{name} is an operator of ours: give it args only, or choose another name")
        if name not in BUILT_IN and operator.path is None:
            problems.append(f"{name} is none of {', '.join(BUILT_IN)}: give the path of its class")
        problems += [f"{name}.args.{each}" for each in argument_problems(name, operator.args)]
        problems += _mapped_twice(name, operator)
    if problems:
        raise ValueError("; ".join(problems))
    return value


def _mapped_twice(name: str, operator: OperatorConfig) -> list[str]:
    taken = operator.mapping.values() if operator.path else ()
    return [f"{name}.args.{each}: is set by us" for each in operator.args if each in taken]


def _volume_source(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(value) != 1 or not all(isinstance(source, Mapping) for source in value.values()):
        raise ValueError(
            "expected one Kubernetes volume source, as {persistentVolumeClaim = {claimName = 'artifacts'}} "
            f"or {{hostPath = {{path = '/data'}}}}, got {value!r}"
        )
    return value


GPU_RESOURCE = "nvidia.com/gpu"
GPU_TYPE_LABEL = "nvidia.com/gpu.product"
_Text = Annotated[str, Field(min_length=1)]


class AirflowOrchestratorConfig(BaseOrchestratorConfig):
    """Configuration of the airflow orchestrator.

    Attributes:
        dags_folder: Where DAG files are written, relative to the folder of pipes.toml.
        dag_id: Template of the DAG's id, in which ``{pipeline}`` is the pipeline's name.
        operators: Further operators by name, each with the path of its class; or defaults of arguments for
            "python", "docker" and "kubernetes".
        operator: How steps run that say nothing of it and name no step operator: "python", "docker",
            "kubernetes", or a name in ``operators``.
        operator_args: Arguments of that Airflow operator.
        store_volume: The Kubernetes volume that has a local artifact store's folder, as
            ``{persistentVolumeClaim = {claimName = "artifacts"}}``; pods see it at the same path.
        gpu_resource: Name of the resource by which the Kubernetes cluster counts GPUs.
        gpu_type_label: Label of its nodes that names their GPU model.
        gpu_pool: Airflow pool from which python steps take a slot for each GPU that they ask for.
        cpu_pool: The same for cores, rounded up.
        python: Interpreter that runs python steps, in place of the worker's own.
        requirements: Requirement specifiers of an environment for python steps.
        dags_templates_dir: Folder with templates of DAG files that go before ours.
    """

    # What concerns the machine that deploys stays out of the deployment.
    dags_folder: str | None = Field(default=None, min_length=1, exclude=True)
    dag_id: Annotated[str, AfterValidator(_dag_id_template)] = "{pipeline}"
    operators: Annotated[dict[_Text, OperatorConfig], AfterValidator(_operators)] = Field(
        default_factory=dict
    )
    operator: _Text = PYTHON
    operator_args: dict[str, Any] = Field(default_factory=dict)
    store_volume: Annotated[dict[str, Any], AfterValidator(_volume_source)] | None = None
    gpu_resource: _Text = GPU_RESOURCE
    gpu_type_label: _Text = GPU_TYPE_LABEL
    gpu_pool: Annotated[str, Field(min_length=1, max_length=POOL_MAX_LENGTH)] | None = None
    cpu_pool: Annotated[str, Field(min_length=1, max_length=POOL_MAX_LENGTH)] | None = None
    python: _Text | None = None
    requirements: tuple[_Text, ...] = ()
    dags_templates_dir: str | None = Field(default=None, min_length=1, exclude=True)

    @field_validator("operator")
    @classmethod
    def _known_operator(cls, value: str, info: ValidationInfo) -> str:
        if "operators" in info.data and (problem := operator_problem(value, info.data["operators"])):
            raise ValueError(problem)
        return value

    @field_validator("operator_args")
    @classmethod
    def _known_arguments(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if problems := argument_problems(info.data.get("operator", ""), value):
            raise ValueError("; ".join(problems))
        return value

    @field_validator("requirements")
    @classmethod
    def _one_environment(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("python"):
            raise ValueError(BOTH_ENVIRONMENTS)
        if problems := requirement_problems(value):
            raise ValueError("; ".join(problems))
        return value

    def dag_id_for(self, pipeline: str) -> str:
        """Return the DAG id of a pipeline."""
        return self.dag_id.format(pipeline=pipeline)


class AirflowOrchestratorFlavor(BaseOrchestratorFlavor):
    """Flavor of the orchestrator that writes a DAG file."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "airflow"

    @property
    def deploys(self) -> bool:
        """Whether `pipes deploy` uses it: that is what it is for."""
        return True

    @property
    def config_class(self) -> type[AirflowOrchestratorConfig]:
        """The class of the configuration."""
        return AirflowOrchestratorConfig

    @property
    def implementation_class(self) -> type[AirflowOrchestrator]:
        """The class of the orchestrator."""
        from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator

        return AirflowOrchestrator
