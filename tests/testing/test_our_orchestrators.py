"""Our own orchestrators and step operators hold to the contracts that we ship."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorFlavor
from airflow_provider_pipes.orchestrators.local_flavor import LocalOrchestratorFlavor
from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorFlavor
from airflow_provider_pipes.testing import OrchestratorContract, StepOperatorContract


class TestLocalOrchestrator(OrchestratorContract):
    flavor = LocalOrchestratorFlavor


class TestAirflowOrchestrator(OrchestratorContract):
    flavor = AirflowOrchestratorFlavor
    runs_steps = False
    always_installed = ("jinja2", "markupsafe")

    @pytest.fixture
    def config_values(self, tmp_path: Path) -> Mapping[str, Any]:
        return {"dags_folder": str(tmp_path / "dags")}


class TestSubprocessStepOperator(StepOperatorContract):
    flavor = SubprocessStepOperatorFlavor
