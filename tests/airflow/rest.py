"""The testing kit's client of Airflow's REST API."""

from __future__ import annotations

from airflow_provider_pipes.testing.airflow_api import ENDED, AirflowApi, Json, RestError

__all__ = ["ENDED", "AirflowApi", "Json", "RestError"]
