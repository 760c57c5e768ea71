"""A schedule with all that one can have."""

from datetime import datetime, timedelta

from airflow_provider_pipes import Schedule, pipeline, step


@step
def load() -> int:
    """Load today's rows."""
    return 1


@pipeline(
    schedule=Schedule(
        cron="30 6 * * 1-5",
        timezone="Europe/Paris",
        start=datetime(2026, 3, 1),
        end=datetime(2027, 3, 1, 12),
        catchup=True,
        max_active_runs=2,
    ),
    tags=["daily", "sales"],
    run_timeout=timedelta(hours=6),
)
def scheduled(day: str = "today"):
    """Load every weekday.

    Runs at half past six, before the office opens:

    * reads yesterday's rows;
    * keeps them.
    """
    load()
