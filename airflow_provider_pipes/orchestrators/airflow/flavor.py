"""The flavor of the airflow orchestrator."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from airflow_provider_pipes.models.names import airflow_key_problem
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


class AirflowOrchestratorConfig(BaseOrchestratorConfig):
    """Configuration of the airflow orchestrator.

    Attributes:
        dags_folder: Where DAG files are written, relative to the folder of pipes.toml.
        dag_id: Template of the DAG's id, in which ``{pipeline}`` is the pipeline's name.
        operator: How steps run that name no step operator.
        dags_templates_dir: Folder with templates of DAG files that go before ours.
    """

    # What concerns the machine that deploys stays out of the deployment.
    dags_folder: str | None = Field(default=None, min_length=1, exclude=True)
    dag_id: Annotated[str, AfterValidator(_dag_id_template)] = "{pipeline}"
    operator: Literal["python"] = "python"
    dags_templates_dir: str | None = Field(default=None, min_length=1, exclude=True)

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
