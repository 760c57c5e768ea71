"""The testing kit: contract suites, pipelines and DAG files run in a test, fixtures; see ``plugin``.

The names below load on first use; they need pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_pipes.lazy import lazy_names

if TYPE_CHECKING:
    from airflow_provider_pipes.testing.airflow_api import AirflowApi
    from airflow_provider_pipes.testing.airflow_home import AirflowHome
    from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult, TaskResult
    from airflow_provider_pipes.testing.airflow_server import RunningAirflow
    from airflow_provider_pipes.testing.artifact_stores import ArtifactStoreContract
    from airflow_provider_pipes.testing.dag_files import run_dag_file
    from airflow_provider_pipes.testing.materializers import MaterializerContract
    from airflow_provider_pipes.testing.orchestrators import OrchestratorContract
    from airflow_provider_pipes.testing.pipeline_results import PipelineRun, StepResult
    from airflow_provider_pipes.testing.pipeline_runs import run_pipeline
    from airflow_provider_pipes.testing.projects import TemporaryProject
    from airflow_provider_pipes.testing.step_operators import StepOperatorContract

__all__ = [
    "AirflowApi",
    "AirflowHome",
    "ArtifactStoreContract",
    "DagRunRequest",
    "DagRunResult",
    "MaterializerContract",
    "OrchestratorContract",
    "PipelineRun",
    "RunningAirflow",
    "StepOperatorContract",
    "StepResult",
    "TaskResult",
    "TemporaryProject",
    "run_dag_file",
    "run_pipeline",
]

_HOME = {
    "AirflowApi": "airflow_api",
    "AirflowHome": "airflow_home",
    "ArtifactStoreContract": "artifact_stores",
    "DagRunRequest": "airflow_results",
    "DagRunResult": "airflow_results",
    "MaterializerContract": "materializers",
    "OrchestratorContract": "orchestrators",
    "PipelineRun": "pipeline_results",
    "RunningAirflow": "airflow_server",
    "StepOperatorContract": "step_operators",
    "StepResult": "pipeline_results",
    "TaskResult": "airflow_results",
    "TemporaryProject": "projects",
    "run_dag_file": "dag_files",
    "run_pipeline": "pipeline_runs",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
