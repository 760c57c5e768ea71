from __future__ import annotations

import logging

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.step_operators import (
    BaseStepOperator,
    BaseStepOperatorConfig,
    BaseStepOperatorFlavor,
)


class PodConfig(BaseStepOperatorConfig):
    namespace: str = "default"


class ImageConfig(BaseStepOperatorConfig):
    base_image: str


def test_an_old_base_image_is_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        config = PodConfig.model_validate({"namespace": "ml", "base_image": "python:3.8"})
    assert config.model_dump() == {"namespace": "ml"}
    assert "The 'base_image' field is ignored" in caplog.text
    assert "DockerSettings" in caplog.text


def test_an_empty_base_image_is_dropped_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    PodConfig.model_validate({"base_image": None})
    assert caplog.text == ""


def test_a_config_may_have_a_base_image_of_its_own() -> None:
    assert ImageConfig(base_image="python:3.12").base_image == "python:3.12"


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="namspace"):
        PodConfig.model_validate({"namspace": "ml"})


def test_a_config_can_not_be_changed() -> None:
    config = PodConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.namespace = "other"  # type: ignore[misc]


def test_a_step_operator_must_launch() -> None:
    with pytest.raises(TypeError, match=r"abstract method '?launch'?"):
        BaseStepOperator(name="gpu", config=PodConfig())  # type: ignore[abstract]


def test_a_flavor_has_the_base_config_where_it_names_none() -> None:
    class MinimalFlavor(BaseStepOperatorFlavor):
        @property
        def name(self) -> str:
            return "minimal"

        @property
        def implementation_class(self) -> type[BaseStepOperator]:
            return BaseStepOperator

    assert MinimalFlavor().config_class is BaseStepOperatorConfig
    assert MinimalFlavor().type == "step_operator"
