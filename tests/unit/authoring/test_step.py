from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from airflow_provider_pipes import Step, step
from airflow_provider_pipes.authoring.tracing import tracing
from airflow_provider_pipes.errors import AuthoringError


@step
def double(n: int) -> Annotated[int, "doubled"]:
    """Double it."""
    return 2 * n


def test_outside_of_a_pipeline_a_step_is_the_function_that_it_was() -> None:
    assert double(4) == 8
    assert double.__doc__ == "Double it."
    assert double.source == f"{__name__}:double"


def test_a_step_tells_its_outputs_by_their_names() -> None:
    assert [output.name for output in double.outputs] == ["doubled"]


def test_with_options_leaves_the_step_itself_as_it_was() -> None:
    other = double.with_options(name="twice", cache=False).with_options(retries=2)
    assert (other.name, dict(other.options)) == ("twice", {"name": "twice", "cache": False, "retries": 2})
    assert (double.name, dict(double.options)) == ("double", {})


def test_after_adds_to_what_the_step_waits_for_already() -> None:
    with tracing() as trace:
        one, two = double(1), double(2)
        double.after(one).after([two, (one,)])(3)
    assert [call.name for call in trace.calls[2].after] == ["double", "double_2", "double"]


@pytest.mark.parametrize("result", [3, "model", None, {"a": 1}])
def test_after_takes_nothing_but_results_of_steps(result: object) -> None:
    with pytest.raises(AuthoringError, match=r"step 'double': after\(…\) takes what a step returned.*got"):
        double.after(result)


def test_an_unknown_option_is_told_with_the_nearest_one() -> None:
    with pytest.raises(AuthoringError, match=r"@step has no option 'retires' \(did you mean 'retries'\?\)"):
        step(retires=2)  # type: ignore[call-overload]


def test_an_option_unlike_any_other_is_told_with_all_that_there_are() -> None:
    with pytest.raises(AuthoringError, match=r"step 'double' has no option 'xyz'; it takes: cache, docker,"):
        double.with_options(xyz=1)  # type: ignore[call-arg]


def generator(n: int) -> Iterator[int]:
    yield n


def starred(*values: int) -> int:
    return sum(values)


def keywords(**values: int) -> int:
    return sum(values.values())


def positional(n: int, /) -> int:
    return n


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (generator, "generator and can't be a step: return a list instead of yielding"),
        (starred, r"'\*values: .*' has no fixed names"),
        (keywords, r"'\*\*values: .*' has no fixed names"),
        (positional, "inputs are given by name; remove the '/'"),
        (functools.partial(positional, 1), "@step takes a function; got functools.partial"),
        (3, "@step takes a function; got 3"),
        ("load", "@step takes a function; got 'load'"),
        (print, "@step takes a function; got <built-in function print>"),
    ],
)
def test_what_can_not_be_a_step_is_refused_where_it_is_decorated(function: Any, why: str) -> None:
    with pytest.raises(AuthoringError, match=why):
        step(function)


def test_an_error_names_the_file_and_the_line_of_the_function() -> None:
    with pytest.raises(
        AuthoringError, match=rf"'generator' \({__file__}:{generator.__code__.co_firstlineno}\)"
    ):
        step(generator)


def test_attributes_of_the_function_do_not_become_the_steps() -> None:
    def marked(n: int) -> int:
        return n

    marked.options = {"retries": 9}  # type: ignore[attr-defined]
    marked.upstream_calls = "mine"  # type: ignore[attr-defined]
    made = step(marked)
    assert (dict(made.options), made.upstream_calls) == ({}, ())


def test_a_function_wrapped_by_another_decorator_keeps_its_own_signature() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @logged
    def wrapped(n: int) -> str:
        return str(n)

    with pytest.raises(AuthoringError, match="no fixed names"):
        step(lambda *values: values)
    made: Step[..., str] = step(wrapped)
    assert list(made.signature.parameters) == ["n"]
    assert made.outputs[0].annotation is str


def test_an_annotation_that_does_not_exist_is_told_when_it_is_needed() -> None:
    def broken(n: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821
        return 1

    made = step(broken)
    with pytest.raises(AuthoringError, match="'Missing' is not defined; import every type that they name"):
        made.outputs  # noqa: B018
    assert not made.returns_tuple


def test_a_step_shows_what_it_is() -> None:
    assert repr(double) == f"<step 'double' from {__name__}:double>"


def test_the_function_of_a_step_is_not_found_by_pickle_and_says_so() -> None:
    with pytest.raises(pickle.PicklingError, match="not the same object"):
        pickle.dumps(double.function)
