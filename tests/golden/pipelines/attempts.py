"""Retries, pools, queues and time limits, for the pipeline and for a step."""

from datetime import timedelta

from airflow_provider_pipes import pipeline, step


@step
def fetch() -> int:
    """Fetch, as the pipeline says."""
    return 1


@step(
    retries=0,
    execution_timeout=timedelta(minutes=90),
    pool="gpus",
    pool_slots=2,
    queue="large",
    priority_weight=10,
)
def train(rows: int) -> int:
    """Train, as this step says."""
    return rows


@pipeline(
    retries=3,
    retry_delay=timedelta(seconds=30),
    retry_exponential_backoff=2,
    max_retry_delay=timedelta(minutes=10),
    execution_timeout=timedelta(seconds=0.5),
    queue="small",
)
def attempts():
    train(fetch())
