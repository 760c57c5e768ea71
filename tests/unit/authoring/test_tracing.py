from __future__ import annotations

from typing import Annotated, Any

import pytest

from airflow_provider_pipes import step
from airflow_provider_pipes.authoring.tracing import active_trace, tracing
from airflow_provider_pipes.authoring.values import OutputValue


@step
def load(n: int, rest: Any = None) -> int:
    return n


@step
def split(n: int) -> tuple[Annotated[int, "train"], Annotated[int, "test"]]:
    return n, n


@step
def single(n: int) -> tuple[Annotated[int, "only"]]:
    return (n,)


@step
def nothing() -> None: ...


def test_a_step_called_again_gets_a_number() -> None:
    with tracing() as trace:
        for _ in range(3):
            load(1)
    assert [call.name for call in trace.calls] == ["load", "load_2", "load_3"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["load_2", "load", "load"], ["load_2", "load", "load_3"]),
        (["load", "load", "load_2"], ["load", "load_2", "load_2_2"]),
        (["load_2", "load_2", "load", "load"], ["load_2", "load_2_2", "load", "load_3"]),
        (["load", "load_3", "load", "load"], ["load", "load_3", "load_2", "load_4"]),
    ],
)
def test_a_number_never_gives_a_name_that_is_taken(names: list[str], expected: list[str]) -> None:
    with tracing() as trace:
        for name in names:
            load.with_options(name=name)(1)
    assert [call.name for call in trace.calls] == expected


def test_outputs_come_as_the_function_returns_them() -> None:
    with tracing():
        train, test = split(1)
        (only,) = single(1)
        nothing()
    assert all(isinstance(each, OutputValue) for each in (train, test, only))


def test_unpacking_another_number_than_there_are_is_pythons_own_error() -> None:
    with tracing(), pytest.raises(ValueError, match="too many values to unpack"):
        (_one,) = split(1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'n'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"n": 2}, "multiple values for argument 'n'"),
        ((), {"n": 1, "frame": 2}, "got an unexpected keyword argument 'frame'"),
    ],
)
def test_arguments_that_do_not_fit_are_a_problem_with_the_signature(
    args: tuple[Any, ...], kwargs: dict[str, Any], why: str
) -> None:
    with tracing() as trace:
        load(*args, **kwargs)
    (problem,) = trace.problems
    assert problem.startswith(f"step 'load' ({__file__}:")
    assert problem.endswith(f"{why}; its signature is (n: 'int', rest: 'Any' = None) -> 'int'")


@pytest.mark.parametrize("name", [3, ["load"], None, b"load"])
def test_a_name_that_is_no_text_is_a_problem_and_not_a_crash(name: Any) -> None:
    with tracing() as trace:
        load.with_options(name=name)(1)
    assert trace.problems[0].endswith(f"name: expected text, got {name!r}")


def test_what_the_body_changes_after_the_call_was_not_given_to_the_step() -> None:
    columns: list[Any] = ["a", {"b": [1]}]
    with tracing() as trace:
        load(1, columns)
        columns.append("later")
        columns[1]["b"].append(2)
        load(2, columns)
    assert trace.calls[0].inputs["rest"] == ["a", {"b": [1]}]
    assert trace.calls[1].inputs["rest"] == ["a", {"b": [1, 2]}, "later"]


def test_a_list_that_holds_itself_can_be_recorded() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with tracing() as trace:
        load(1, loop)
    assert len(trace.calls) == 1


def test_there_is_no_trace_outside_of_a_pipeline() -> None:
    with tracing():
        assert active_trace() is not None
    assert active_trace() is None
