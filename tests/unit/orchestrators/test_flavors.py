from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.orchestrators import BaseOrchestrator
from airflow_provider_pipes.orchestrators.airflow.flavor import (
    AirflowOrchestratorConfig,
    AirflowOrchestratorFlavor,
)
from airflow_provider_pipes.orchestrators.local_flavor import LocalOrchestratorFlavor


@pytest.mark.parametrize("flavor", [LocalOrchestratorFlavor(), AirflowOrchestratorFlavor()])
def test_a_built_in_flavor_leads_to_its_orchestrator(
    flavor: LocalOrchestratorFlavor | AirflowOrchestratorFlavor,
) -> None:
    assert issubclass(flavor.implementation_class, BaseOrchestrator)
    assert flavor.deploys == (flavor.name == "airflow")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{pipeline}", "digits"),
        ("staging_{pipeline}.v2", "staging_digits.v2"),
        ("Größe-{pipeline}", "Größe-digits"),
    ],
)
def test_the_dag_id_is_made_from_its_template(template: str, expected: str) -> None:
    assert AirflowOrchestratorConfig(dag_id=template).dag_id_for("digits") == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{stack}_{pipeline}", "expected a template with {pipeline} only"),
        ("{pipeline.name}", "expected a template with {pipeline} only"),
        ("{pipeline!r}", "expected a template with {pipeline} only"),
        ("{pipeline:>9}", "expected a template with {pipeline} only"),
        ("{}", "expected a template with {pipeline} only"),
        ("{pipeline", "expected a template as 'staging_{pipeline}'"),
        ("digits", "'digits' would give every pipeline the same DAG id; put {pipeline} into it"),
        ("a b {pipeline}", "dag_id name 'a b pipeline' holds ' '"),
        ("{{{pipeline}}}", "holds '{', '}'"),
        ("x" * 250 + "{pipeline}", "has 258 characters"),
    ],
)
def test_a_template_that_does_not_do_is_refused(template: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AirflowOrchestratorConfig(dag_id=template)


def test_what_concerns_the_deploying_machine_stays_out_of_the_deployment() -> None:
    config = AirflowOrchestratorConfig(
        dags_folder="/home/me/dags", dags_templates_dir="/t", dag_id="a_{pipeline}"
    )
    assert config.model_dump(mode="json", exclude_unset=True) == {"dag_id": "a_{pipeline}"}


def test_a_flavor_and_its_config_import_without_their_orchestrator() -> None:
    code = (
        "import sys, airflow_provider_pipes.orchestrators.airflow.flavor as f\n"
        "f.AirflowOrchestratorFlavor().config_class()\n"
        "heavy = ('.orchestrator', 'orchestrators.base', 'jinja2')\n"
        "print([name for name in sys.modules if name.endswith(heavy)])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
