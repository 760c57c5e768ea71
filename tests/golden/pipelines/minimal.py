"""One step, and nothing said about it."""

from airflow_provider_pipes import pipeline, step


@step
def hello() -> None:
    """Say hello."""
    print("hello")


@pipeline
def minimal():
    hello()
