"""A parameter of every type that Airflow's form knows."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from airflow_provider_pipes import pipeline, step


class Window(TypedDict):
    """A part of the day."""

    start: int
    end: NotRequired[float]


@step
def show(values: list) -> None:
    """Show what arrived."""
    print(values)


@pipeline
def parameters(
    table: str,
    flag: bool = True,
    count: int = 3,
    bounded: Annotated[int, Field(ge=1, le=9, description="from 1 to 9")] = 5,
    rate: float = 1e-3,
    large: float = 1e17,
    text: str = "plain",
    nothing: None = None,
    maybe: int | None = None,
    either: int | str = "auto",
    mode: Literal["fast", "exact"] = "fast",
    rows: list[int] = [1, 2, 3],  # noqa: B006
    weights: dict[str, float] = {"b": 1, "a": 0.5},  # noqa: B006
    window: Window = {"start": 6},  # noqa: B006
    anything: Any = {"nested": [None, True, {"deep": 1.5}]},  # noqa: B006
):
    """Show parameters of every type."""
    show([table, flag, count, bounded, rate, large, text, nothing, maybe, either, mode, rows, weights, window, anything])
