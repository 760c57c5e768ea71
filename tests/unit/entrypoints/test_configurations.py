from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.entrypoints.base_entrypoint_configuration import (
    BaseEntrypointConfiguration,
    option_with_value,
)
from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from airflow_provider_pipes.errors import RunError

texts = st.text(min_size=0, max_size=30)


class Extended(StepOperatorEntrypointConfiguration):
    """As document 000 has it: more options, and values for them."""

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        return super().get_entrypoint_options() | {"namespace"}

    @classmethod
    def get_entrypoint_arguments(cls, **kwargs: Any) -> list[str]:
        return [
            *super().get_entrypoint_arguments(**kwargs),
            *option_with_value("namespace", kwargs["namespace"]),
        ]


def test_the_command_is_a_module_of_this_package() -> None:
    command = BaseEntrypointConfiguration.get_entrypoint_command()
    assert command == ["python", "-m", "airflow_provider_pipes.entrypoints.entrypoint"]


def test_the_arguments_name_the_class_and_the_step() -> None:
    arguments = StepEntrypointConfiguration.get_entrypoint_arguments(step_name="train", run_name="r")
    assert arguments == [
        "--entrypoint_config_source",
        "airflow_provider_pipes.entrypoints.step_entrypoint_configuration.StepEntrypointConfiguration",
        "--run_name",
        "r",
        "--step_name",
        "train",
    ]


@given(step_name=texts, path=texts, namespace=texts)
def test_every_value_comes_back_from_the_command_line(step_name: str, path: str, namespace: str) -> None:
    arguments = Extended.get_entrypoint_arguments(
        step_name=step_name, execution_info_path=path, namespace=namespace, store_connection_id=None
    )
    found = Extended(arguments).entrypoint_args
    assert (found["step_name"], found["namespace"]) == (step_name, namespace)
    assert found["execution_info_path"] == path
    assert found["store_connection_id"] is None


@pytest.mark.parametrize("value", ["-train", "--train", "-", "-1", "--step_name"])
def test_a_step_whose_name_begins_with_a_dash_is_no_option(value: str) -> None:
    arguments = StepEntrypointConfiguration.get_entrypoint_arguments(step_name=value)
    assert StepEntrypointConfiguration(arguments).entrypoint_args["step_name"] == value


def test_options_that_are_not_known_are_ignored() -> None:
    arguments = StepEntrypointConfiguration.get_entrypoint_arguments(step_name="a")
    made = StepEntrypointConfiguration([*arguments, "--of_a_newer_version", "x"])
    assert made.entrypoint_args["step_name"] == "a"


def test_an_option_is_never_an_abbreviation_of_another() -> None:
    with pytest.raises(SystemExit):
        StepEntrypointConfiguration(["--entrypoint_config_source", "x", "--step", "a"])


@pytest.mark.parametrize("missing", ["pipeline_name", "run_name", "store"])
def test_what_finds_the_step_must_be_given(missing: str) -> None:
    values = {"step_name": "a", "pipeline_name": "p", "run_name": "r", "store": "/nowhere"}
    del values[missing]
    made = StepEntrypointConfiguration(StepEntrypointConfiguration.get_entrypoint_arguments(**values))
    with pytest.raises(
        RunError, match=f"--{missing} is missing; StepEntrypointConfiguration finds its step by it"
    ):
        made.run()
