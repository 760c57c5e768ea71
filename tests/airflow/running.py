"""The testing kit's running Airflow."""

from __future__ import annotations

from airflow_provider_pipes.testing.airflow_server import RunningAirflow, free_port, run_airflow

__all__ = ["RunningAirflow", "free_port", "run_airflow"]
