"""Pipelines of any shape, as Hypothesis makes them: real steps, wired at random."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, cast

from hypothesis import strategies as st

from airflow_provider_pipes import DockerSettings, ResourceSettings, Schedule, step
from airflow_provider_pipes.authoring.pipeline import Pipeline

_REQUIREMENTS = st.sampled_from(
    ["pandas>=2.2", "numpy", "scikit-learn[alldeps]==1.5.0", "six ; python_version < '4'"]
)
_PRINTABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
any_text = st.text(st.characters(exclude_categories=()), max_size=20)
whole_text = any_text.map(lambda text: text.encode("utf-8", "replace").decode().replace("\0", ""))
names = st.from_regex(r"[A-Za-z_][\w.-]{0,20}", fullmatch=True)

constants = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        any_text,
        st.sampled_from(
            [2**70, -(2**70), math.nan, math.inf, 1e300, 5e-324, -0.0, "\ud800", "{{ 7*7 }}", "a.md"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(any_text, inner, max_size=3),
    ),
    max_leaves=8,
)


@step
def one(a: Any = None, b: Any = None) -> Any:
    """Take anything, give anything."""


@step
def two(a: Any = None, b: Any = None) -> tuple[Annotated[Any, "left"], Annotated[Any, "right"]]:
    return None, None


@step
def none(a: Any = None, b: Any = None) -> None: ...


@dataclass(frozen=True)
class Made:
    """A pipeline, and what was given to each of its calls."""

    pipeline: Pipeline[...]
    given: list[dict[str, Any]]


durations = st.integers(1, 10**9).map(lambda n: timedelta(microseconds=n))
task_options = st.fixed_dictionaries(
    {},
    optional={
        "retries": st.integers(0, 9),
        "retry_delay": durations,
        "execution_timeout": durations,
        "retry_exponential_backoff": st.floats(1, 9),
        "pool": whole_text.filter(bool),
        "pool_slots": st.integers(1, 9),
        "queue": whole_text.filter(bool),
        "priority_weight": st.integers(-9, 9),
    },
)
step_options = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "cache": st.booleans(),
        "resources": st.builds(ResourceSettings, gpu_count=st.integers(0, 4), memory=st.just("1GB")),
        "docker": st.builds(
            DockerSettings,
            requirements=st.lists(_REQUIREMENTS, max_size=2, unique=True).map(tuple),
            environment=st.dictionaries(
                st.from_regex(r"[A-Z][A-Z_]{1,5}", fullmatch=True), _PRINTABLE, max_size=2
            ),
        ),
    },
)
pipeline_options = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "description": whole_text,
        "tags": st.lists(whole_text.filter(bool), max_size=3),
        "schedule": st.builds(Schedule, interval=durations, max_active_runs=st.integers(1, 3)),
        "run_timeout": durations,
        "cache": st.booleans(),
    },
)


@st.composite
def made_pipelines(draw: st.DrawFn) -> Made:
    """Draw a pipeline of up to six calls; what a call is given may hold any earlier output."""
    given: list[dict[str, Any]] = []
    options = {**draw(pipeline_options), **draw(task_options)}
    calls = [
        (draw(st.sampled_from([one, two, none])), {**draw(step_options), **draw(task_options)})
        for _ in range(draw(st.integers(1, 6)))
    ]
    plans = [draw(st.lists(st.tuples(st.integers(0, 99), constants), max_size=3)) for _ in calls]
    orders = [draw(st.booleans()) for _ in calls]

    def body(p: int = 1, q: str = "x") -> None:
        given.clear()
        available: list[Any] = [p, q]
        results: list[Any] = []
        for (called, own), plan, ordered in zip(calls, plans, orders, strict=True):
            arguments = _arguments(plan, available)
            given.append(arguments)
            chosen = called.with_options(**own)
            result = (chosen.after(*results) if ordered else chosen)(**arguments)
            results.append(result)
            if called is not none:
                available.extend(result if isinstance(result, tuple) else [result])

    body.__qualname__ = body.__name__ = "body"
    return Made(Pipeline(body, cast("Any", options)), given)


def _arguments(plan: list[tuple[int, Any]], available: list[Any]) -> dict[str, Any]:
    """Return up to two arguments: a constant, a placeholder, or a nest of both."""
    shapes: list[Callable[[Any, Any], Any]] = [
        lambda value, constant: constant,
        lambda value, constant: value,
        lambda value, constant: [constant, value],
        lambda value, constant: (value, {"k": constant, "\ud800": [value]}),
        lambda value, constant: {"z": (constant,), "a": value},
    ]
    values = [shapes[n % len(shapes)](available[n % len(available)], constant) for n, constant in plan]
    return dict(zip("ab", values, strict=False))
