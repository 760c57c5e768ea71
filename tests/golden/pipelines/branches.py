"""Branches that run side by side, one after another by order alone, and a step that takes them all."""

from typing import Annotated

from airflow_provider_pipes import pipeline, step


@step
def split(share: float) -> tuple[Annotated[list[int], "train"], Annotated[list[int], "test"]]:
    """Split the rows."""
    rows = list(range(10))
    cut = int(share * len(rows))
    return rows[:cut], rows[cut:]


@step
def train(rows: list[int], rate: float) -> Annotated[float, "model"]:
    """Train a model."""
    return sum(rows) * rate


@step
def choose(models: list[float], weights: dict[str, tuple[float, float]]) -> float:
    """Choose the best."""
    return max([*models, *weights["pair"]])


@step
def clean_up() -> None:
    """Remove what is left."""


@pipeline
def branches(share: float = 0.8):
    """Train twice and choose the better model."""
    rows, test = split(share)
    models = [train.with_options(name=f"train-{rate}")(rows, rate) for rate in (0.1, 0.5)]
    models.append(train(test, 1.0))
    best = choose(models, weights={"pair": (models[0], 2.0)})
    clean_up.after(best, models)()
