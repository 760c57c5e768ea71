from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from airflow_provider_pipes import pipeline, step
from airflow_provider_pipes.authoring.tracing import tracing
from airflow_provider_pipes.authoring.values import ParameterValue
from airflow_provider_pipes.compiler.inputs import InputCompiler, foreign_part, is_json, shortened

Recursive = list[Any]


@step
def load() -> int:
    return 1


@step
def text() -> str:
    return ""


@step
def nothing() -> None: ...


@step
def use(x: Any) -> None: ...


def compiled(value: Any, annotation: Any = Any, parameter: Any = float) -> tuple[Any, list[str]]:
    """Compile a call with one input; ``value`` is a function of placeholders or the value itself."""

    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": annotation}
    with tracing() as trace:
        placeholders = {"load": load(), "text": text(), "nothing": nothing(), "lr": ParameterValue("p", "lr")}
        step(function)(value(placeholders) if callable(value) else value)
    *known, call = trace.calls
    compiler = InputCompiler(call, set(known), {"lr": parameter})
    spec = compiler.compile().get("x")
    return (None if spec is None else spec.model_dump()), compiler.problems


LOAD = {"kind": "artifact", "step": "load", "output": "output"}
LR = {"kind": "parameter", "parameter": "lr"}


def constant(value: Any) -> dict[str, Any]:
    return {"kind": "constant", "value": value}


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        (3, constant(3)),
        (None, constant(None)),
        ([1, {"a": [None, 1.5]}], constant([1, {"a": [None, 1.5]}])),
        ({"\ud800": "\ud800"}, constant({"\ud800": "\ud800"})),
        (2**70, constant(2**70)),
        ((1, 2), {"kind": "tuple", "items": (constant(1), constant(2))}),
        ([(1,)], {"kind": "list", "items": ({"kind": "tuple", "items": (constant(1),)},)}),
        (lambda p: p["load"], LOAD),
        (lambda p: p["lr"], LR),
        (lambda p: [p["load"], 1], {"kind": "list", "items": (LOAD, constant(1))}),
        (lambda p: {"a": (p["lr"],)}, {"kind": "dict", "entries": {"a": {"kind": "tuple", "items": (LR,)}}}),
        (lambda p: {"\ud800": p["load"]}, {"kind": "dict", "entries": {"\ud800": LOAD}}),
        ((), {"kind": "tuple", "items": ()}),
    ],
)
def test_a_value_becomes_the_spec_that_gives_it_back(value: Any, spec: dict[str, Any]) -> None:
    assert compiled(value) == (spec, [])


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no")


LOOP: Recursive = []
LOOP.extend([LOOP, LOOP])
DEEP: Recursive = []
for _ in range(200):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object, "input 'x' .*: the constant <class 'object'> of type type is not JSON"),
        (b"bytes", "the constant b'bytes' of type bytes is not JSON; pass numbers, text, None"),
        ({1: 2}, "the constant {1: 2} of type dict is not JSON; .* dicts of these with text as keys"),
        ({1, 2}, "of type set is not JSON"),
        (np.float64(1.5), "of type float64 is not JSON"),
        (Odd(), "the constant <Odd> of type Odd is not JSON"),
        (
            [1, {"a": (0, b"x")}],
            r"input \"x\[1\]\['a'\]\[1\]\" .*: the constant b'x' of type bytes is not JSON",
        ),
        (lambda p: [p["load"], b"x"], r"input 'x\[1\]' .*: the constant b'x'"),
        (lambda p: {p["load"]: 1}, "of type dict is not JSON"),
        (lambda p: {p["load"]}, "of type set is not JSON"),
        (LOOP, "it is nested more than 50 levels deep; make it in a step"),
        (DEEP, "it is nested more than 50 levels deep; make it in a step"),
        (lambda p: [p["load"], LOOP], "it is nested more than 50 levels deep"),
    ],
)
def test_a_constant_that_is_no_json_is_told_with_its_place(value: Any, why: str) -> None:
    spec, (problem,) = compiled(value if not isinstance(value, type) else lambda _: value)
    assert spec is None
    assert re.search(rf"^step 'function', {why}" if why.startswith("input") else why, problem)


@pytest.mark.parametrize(
    ("value", "annotation", "why"),
    [
        ("a", int, "expected int, got the str 'a'; change the value or the annotation"),
        (np.zeros(2), int, "expected int, got the ndarray"),
        ([1, "a"], list[int], "expected list[int], got the list [1, 'a']"),
        (lambda p: [p["load"], "a"], list[int], "expected list[int], got the list"),
        (lambda p: [p["load"]], int, "expected int, got the list [<the result of step 'load'>]"),
        (lambda p: (p["load"],), list[int], "expected list[int], got the tuple"),
        (lambda p: (p["load"], 1), tuple[int], "expected tuple[int], got the tuple"),
        (lambda p: {"a": p["load"]}, list[int], "expected list[int], got the dict"),
        (lambda p: p["text"], int, "expected int, got str from step 'text' ("),
        (lambda p: [p["text"]], list[int], "input 'x[0]'"),
        (lambda p: [p["text"]], list[int] | None, "expected int, got str from step 'text'"),
        (lambda p: (p["text"], p["load"]), tuple[str, str], "input 'x[1]'"),
        (lambda p: {"a": {"b": p["text"]}}, dict[str, dict[str, int]], "input \"x['a']['b']\""),
        (lambda p: p["lr"], str, "expected str, got float from parameter 'lr' of pipeline 'p'"),
        (lambda p: p["nothing"], int, "step 'nothing' returns nothing; use .after(…) for order without data"),
    ],
)
def test_types_that_do_not_fit_are_told(value: Any, annotation: Any, why: str) -> None:
    _, problems = compiled(value, annotation)
    assert len(problems) == 1
    assert why in problems[0]


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (lambda p: [p["load"], 1], list[int]),
        (lambda p: (p["load"], "a"), tuple[int, str]),
        (lambda p: (p["load"], 1), tuple[int, ...]),
        (lambda p: {"a": [p["load"]]}, dict[str, list[float]]),
        (lambda p: [p["load"]], list[int] | list[str]),
        (lambda p: [p["text"]], list[int] | list[str]),
        (lambda p: [p["load"], p["text"]], list),
        (lambda p: p["lr"], float | None),
    ],
)
def test_placeholders_inside_containers_that_fit_are_no_problem(value: Any, annotation: Any) -> None:
    spec, problems = compiled(value, annotation)
    assert problems == []
    assert spec is not None


def test_a_mismatch_names_both_steps_both_types_and_the_lines() -> None:
    _, (problem,) = compiled(lambda p: p["text"], int)
    line = rf"\({__file__}:\d+\)"
    said = rf"step 'function', input 'x' {line}: expected int, got str from step 'text' {line}; change .*"
    assert re.fullmatch(said, problem)


def test_what_another_pipeline_made_is_refused() -> None:
    leaked: list[Any] = []

    @pipeline
    def other(lr: float = 1.0) -> None:
        leaked.extend([load(), lr])

    @pipeline
    def mine() -> None:
        use(leaked[0])
        use.after(leaked[0])(1)
        use(leaked[1])

    other.trace()
    problems: list[str] = []
    for call in mine.trace().calls:
        compiler = InputCompiler(call, set(), {})
        compiler.compile()
        problems += compiler.problems
    first, second, third = problems
    assert "input 'x' comes from step 'load' of another pipeline; call the step in this one" in first
    assert "after(…) comes from step 'load' of another pipeline" in second
    assert "parameter 'lr' of pipeline 'other' does not belong to this pipeline" in third


def test_upstream_is_what_gives_data_and_what_was_said_to_come_before() -> None:
    with tracing() as trace:
        first, second = load(), load()
        use.after(nothing(), first)([second, {"a": second}])
    compiler = InputCompiler(trace.calls[-1], set(trace.calls), {})
    compiler.compile()
    assert compiler.upstream == ["load_2", "nothing", "load"]


def test_a_wide_nest_is_looked_at_once() -> None:
    assert is_json([[0] * 1000 for _ in range(100)])
    assert foreign_part({"a": [(1, 2)] * 1000}) is None


def test_a_long_value_is_cut_in_messages() -> None:
    assert shortened("x" * 100) == "'" + "x" * 56 + "…"
