"""Parameters from ``dag.test()`` to the function, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.airflow.projects import Project
from tests.airflow.test_texts import airflow_texts

pytestmark = pytest.mark.airflow

DECLARED = """
    from typing import Any, Literal

    from notes import note
    from typing_extensions import TypedDict

    from airflow_provider_pipes import pipeline, step


    class Options(TypedDict):
        rate: float
        steps: int
        names: list[str | None]


    @step(cache=False)
    def receive(values: dict[str, Any]) -> None:
        note("received", {name: repr(value) for name, value in values.items()})


    @pipeline
    def NAME(
        integer: int = 0,
        number: float = 0.0,
        flag: bool = False,
        text: str = "",
        maybe: int | None = 5,
        maybe_number: float | None = None,
        text_or_integer: str | int = "",
        numbers: list[float] = [0.5],
        integers: list[int] = [],
        table: dict[str, float | None] = {},
        nested: dict[str, list[dict[str, float]]] = {"a": [{"b": 1.0}]},
        options: Options = {"rate": 1.0, "steps": 1, "names": []},
        choice: Literal["a", 1, True] = "a",
        anything: Any = None,
        loose: list[Any] = [],
    ) -> None:
        receive({ALL})
"""
NAMES = (
    *("integer", "number", "flag", "text", "maybe", "maybe_number", "text_or_integer", "numbers", "integers"),
    *("table", "nested", "options", "choice", "anything", "loose"),
)
DEFAULTS: dict[str, Any] = {
    "integer": 0,
    "number": 0.0,
    "flag": False,
    "text": "",
    "maybe": 5,
    "maybe_number": None,
    "text_or_integer": "",
    "numbers": [0.5],
    "integers": [],
    "table": {},
    "nested": {"a": [{"b": 1.0}]},
    "options": {"rate": 1.0, "steps": 1, "names": []},
    "choice": "a",
    "anything": None,
    "loose": [],
}
EDGES: list[dict[str, Any]] = [
    {"integer": 2**63 - 1, "number": 1e17, "maybe": None, "maybe_number": 1e18, "choice": 1},
    {"integer": -(2**63), "number": -9.2e18, "maybe": -(2**63), "maybe_number": 5e-324, "choice": True},
    {"numbers": [1e17, 1.0, 0.1, 2.0**53], "table": {"": 1e17, "none": None}, "flag": True},
    {
        "nested": {"a": [{"b": 1e17}, {}], "c": []},
        "options": {"rate": 1e16, "steps": 2**53 + 1, "names": [None]},
    },
    {
        "text_or_integer": 7,
        "text": "7",
        "anything": {"a": [None, True, 1, "x", {}]},
        "loose": [[], {}, 2**62],
    },
    {"text_or_integer": "7", "text": "null", "anything": "true", "integers": [2**63 - 1, -(2**63), 0]},
]
integers = st.integers(-(2**63), 2**63 - 1)
# JSON in PostgreSQL has no zero with a sign.
numbers = st.floats(-9.2e18, 9.2e18, allow_nan=False).map(lambda number: number + 0.0)
numbers = st.one_of(numbers, st.sampled_from([1e16, 1e17, 1e18, -1e17, 1.0, 0.1]))
plain = st.one_of(st.none(), st.booleans(), integers, airflow_texts)
confs = st.fixed_dictionaries(
    {},
    optional={
        "integer": integers,
        "number": numbers,
        "flag": st.booleans(),
        "text": airflow_texts,
        "maybe": st.none() | integers,
        "maybe_number": st.none() | numbers,
        "text_or_integer": airflow_texts | integers,
        "numbers": st.lists(numbers, max_size=5),
        "integers": st.lists(integers, max_size=5),
        "table": st.dictionaries(airflow_texts, st.none() | numbers, max_size=4),
        "nested": st.dictionaries(
            airflow_texts,
            st.lists(st.dictionaries(airflow_texts, numbers, max_size=3), max_size=3),
            max_size=3,
        ),
        "options": st.fixed_dictionaries(
            {"rate": numbers, "steps": integers, "names": st.lists(st.none() | airflow_texts, max_size=3)}
        ),
        "choice": st.sampled_from(["a", 1, True]),
        "anything": st.recursive(
            plain, lambda inner: st.lists(inner) | st.dictionaries(airflow_texts, inner), max_leaves=8
        ),
        "loose": st.lists(plain, max_size=4),
    },
)


def declared(project: Project, name: str) -> None:
    """Deploy a pipeline with a parameter of every kind."""
    everything = ", ".join(f'"{each}": {each}' for each in NAMES)
    project.write("declared.py", DECLARED.replace("NAME", name).replace("ALL", everything))
    project.deploy(f"declared.py:{name}")


def expected(conf: Mapping[str, Any]) -> dict[str, str]:
    # The names of an object have no order in PostgreSQL.
    return {name: repr(_sorted(value)) for name, value in (DEFAULTS | dict(conf)).items()}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def received(note: Mapping[str, str]) -> dict[str, str]:
    return {name: repr(_sorted(_read(text))) for name, text in note.items()}


def _read(text: str) -> Any:
    value: Any = eval(text, {})
    return value


def run_and_check(home: AirflowHome, project: Project, given: list[dict[str, Any]]) -> None:
    declared(project, "declared")

    # All of them each time: `dag.test()` lets a run begin with what the run before it was given.
    runs = home.run_dags(["declared", *(DagRunRequest("declared", DEFAULTS | each) for each in given)])

    for run in runs:
        run.check()
    assert [received(note) for (note,) in project.noted("received")] == [
        expected(each) for each in [{}, *given]
    ]


def test_parameters_keep_their_types(airflow_home: AirflowHome, tmp_path: Path) -> None:
    run_and_check(airflow_home, Project(tmp_path / "project", airflow_home), EDGES)


@pytest.mark.postgres
def test_parameters_keep_their_types_on_postgresql(postgres_home: AirflowHome, tmp_path: Path) -> None:
    run_and_check(postgres_home, Project(tmp_path / "project", postgres_home), EDGES)


_number = itertools.count()
_generating = settings(
    max_examples=1,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink would take minutes
    suppress_health_check=list(HealthCheck),
)


@_generating
@given(given=st.lists(confs, min_size=12, max_size=12, unique_by=repr))
def test_any_parameters_keep_their_types(
    airflow_home: AirflowHome, tmp_path: Path, given: list[dict[str, Any]]
) -> None:
    run_and_check(airflow_home, Project(tmp_path / f"project-{next(_number)}", airflow_home), given)


@pytest.mark.postgres
@_generating
@given(given=st.lists(confs, min_size=12, max_size=12, unique_by=repr))
def test_any_parameters_keep_their_types_on_postgresql(
    postgres_home: AirflowHome, tmp_path: Path, given: list[dict[str, Any]]
) -> None:
    run_and_check(postgres_home, Project(tmp_path / f"project-{next(_number)}", postgres_home), given)


def test_defaults_that_airflow_would_crash_on_are_refused_when_compiled(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write(
        "large.py",
        """
        from typing import Any

        from airflow_provider_pipes import pipeline, step


        @step
        def take(values: list[Any]) -> None: ...


        @pipeline
        def large(
            a: float = 1e300,
            b: int = 2**70,
            c: Any = [2**70],
            d: dict[str, float] = {"x": 1e300},
            e: float = 1e400,
        ) -> None:
            take([a, b, c, d, e])
        """,
    )

    done = project.try_to_deploy("large.py:large")

    assert done.returncode == 5
    assert [name for name in "abcde" if f"parameter '{name}'" in done.stderr] == list("abcde")
    assert list(airflow_home.dags_folder.iterdir()) == []
