from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_pipes import pipeline, step
from airflow_provider_pipes.errors import AuthoringError


@step
def load(n: int) -> int:
    return n


def problems_of(traced: Any) -> list[str]:
    return list(traced.trace().problems)


def test_a_pipeline_can_not_be_called_like_a_function() -> None:
    @pipeline
    def training() -> None: ...

    with pytest.raises(AuthoringError, match=r"to run it: `pipes run FILE\.py:training`"):
        training()


def test_the_name_is_the_functions_unless_it_is_given() -> None:
    @pipeline(name="other")
    def training() -> None: ...

    assert training.name == "other"
    assert repr(training).startswith("<pipeline 'other' from ")


async def asynchronous() -> None: ...


def generator() -> Iterator[int]:
    yield 1


def starred(*values: int) -> None: ...


def keywords(**values: int) -> None: ...


def positional(n: int, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (asynchronous, "write it with a plain `def` that calls steps"),
        (generator, "write it with a plain `def` that calls steps"),
        (starred, r"parameters need fixed names, and '\*values: .*' has none"),
        (keywords, r"parameters need fixed names, and '\*\*values: .*' has none"),
        (positional, "parameters need fixed names, and 'n: .*' has none"),
        ("training", "@pipeline takes a function; got 'training'"),
    ],
)
def test_what_can_not_be_a_pipeline_is_refused_where_it_is_decorated(function: Any, why: str) -> None:
    with pytest.raises(AuthoringError, match=why):
        pipeline(function)


def test_an_unknown_option_is_told_with_the_nearest_one() -> None:
    with pytest.raises(
        AuthoringError, match=r"@pipeline has no option 'shedule' \(did you mean 'schedule'\?\)"
    ):
        pipeline(shedule=None)  # type: ignore[call-overload]


def test_the_steps_of_a_pipeline_called_in_another_become_its_own() -> None:
    @pipeline
    def inner(n: int, m: int = 7) -> Any:
        load(n)
        return load(m)

    @pipeline
    def outer(n: int = 1) -> None:
        load(inner(n))

    calls = outer.trace().calls
    assert [call.name for call in calls] == ["load", "load_2", "load_3"]
    assert repr(calls[0].inputs["n"]) == "<parameter 'n' of pipeline 'outer'>"
    assert calls[1].inputs["n"] == 7
    assert repr(calls[2].inputs["n"]) == "<the result of step 'load_2'>"


def test_arguments_that_a_called_pipeline_does_not_take_are_a_problem_with_the_line() -> None:
    @pipeline
    def inner(n: int) -> None: ...

    @pipeline
    def outer() -> None:
        inner(n=1, m=2)  # type: ignore[call-arg]

    (problem,) = problems_of(outer)
    assert problem.startswith(f"{__file__}:")
    assert "pipeline 'inner': got an unexpected keyword argument 'm'; its signature is (n: 'int')" in problem


def test_a_pipeline_that_calls_itself_is_a_cycle_and_can_be_traced_again() -> None:
    @pipeline
    def snake() -> None:
        load(1)
        tail()

    @pipeline
    def tail() -> None:
        snake()

    for _ in range(2):
        (problem,) = problems_of(snake)
        assert "pipeline 'snake' calls itself, a cycle without end: call its steps instead" in problem
        assert problem.startswith(f"{__file__}:")


def test_a_problem_that_ends_the_body_comes_after_those_before_it() -> None:
    @pipeline
    def training(lr: float = 0.1) -> None:
        load()  # type: ignore[call-arg]
        if lr > 1:
            load(1)
        load("never reached")  # type: ignore[arg-type]

    first, second = problems_of(training)
    assert "missing a required argument: 'n'" in first
    assert "asks for a comparison" in second


def test_an_exception_of_the_body_itself_passes() -> None:
    @pipeline
    def training() -> None:
        raise ZeroDivisionError("theirs")

    with pytest.raises(ZeroDivisionError, match="theirs"):
        training.trace()
