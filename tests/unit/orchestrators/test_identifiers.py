from __future__ import annotations

import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.orchestrators.airflow.identifiers import MAX_LENGTH, variable_names
from tests.unit.orchestrators.dag_files import airflow_names

of_the_file = {"DAG", "Param", "STORE", "StepPythonOperator", "airflow", "dag", "datetime", "os", "timedelta"}
forbidden = (
    set(dir(builtins)) - {"_IncompleteInputError", "PythonFinalizationError"}
    | set(keyword.kwlist)
    | set(keyword.softkwlist)
    | of_the_file
)
# Sets of names that are likely to collide.
alike = st.text("ab_.-é", min_size=1, max_size=4)
names = st.lists(
    st.one_of(airflow_names, alike, st.sampled_from(sorted(forbidden))), unique=True, max_size=30
)


@given(names)
def test_every_step_gets_a_usable_variable_of_its_own(steps: list[str]) -> None:
    variables = variable_names(steps)
    assert list(variables) == steps
    assert len(set(variables.values())) == len(steps)
    for variable in variables.values():
        assert variable.isidentifier()
        assert variable.isascii()
        assert len(variable) <= MAX_LENGTH
        assert variable not in forbidden
        assert not variable.startswith("__")


@given(names, st.randoms())
def test_the_order_of_the_steps_makes_no_difference(steps: list[str], random: object) -> None:
    shuffled = sorted(steps, key=lambda name: hash((name, str(random))))
    assert variable_names(shuffled) == variable_names(steps)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,30}_9", fullmatch=True), unique=True))
def test_a_name_that_can_be_a_variable_is_one(steps: list[str]) -> None:
    assert variable_names([*steps, *(step.replace("_", "-") for step in steps)]).items() >= {
        (step, step) for step in steps
    }


@pytest.mark.parametrize(
    ("step", "variable"),
    [
        ("train-model.v2", "train_model_v2"),
        ("entraîner", "entrainer"),
        ("filter", "filter_"),
        ("class", "class_"),
        ("DAG", "DAG_"),
        ("2nd", "step_2nd"),
        ("__file__", "step_file__"),
        ("_private", "_private"),
    ],
)
def test_the_variable_resembles_the_step(step: str, variable: str) -> None:
    assert variable_names([step]) == {step: variable}
