"""What Airflow is told about this provider; it asks at every start, so nothing is imported here."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's provider_info schema has it."""
    return {
        "package-name": "airflow-provider-pipes",
        "name": "Pipes",
        "description": "Typed Python functions in, a readable Airflow DAG out.",
        "integrations": [{"integration-name": "Pipes", "tags": ["software"]}],
        "operators": [
            {"integration-name": "Pipes", "python-modules": ["airflow_provider_pipes.operators.python"]}
        ],
    }
