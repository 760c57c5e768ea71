from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes import get_step_context
from airflow_provider_pipes.authoring.context import StepContext, step_context
from airflow_provider_pipes.errors import AuthoringError


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    return StepContext(
        pipeline_name="p",
        run_name="r",
        step_name="s",
        attempt=1,
        deployment_id="d",
        token="t",
        scratch_dir=tmp_path,
    )


def test_there_is_a_context_only_while_a_step_runs(context: StepContext) -> None:
    with step_context(context):
        assert get_step_context() is context
    with pytest.raises(AuthoringError, match="outside of a running step"):
        get_step_context()


def test_metadata_is_kept_as_json_has_it(context: StepContext) -> None:
    values: dict[str, Any] = {"accuracy": 0.9, "classes": ("a", "b")}
    context.log_metadata(values)
    context.log_metadata({"accuracy": 0.95})
    values["classes"] = "changed later"
    assert context.metadata == {"accuracy": 0.95, "classes": ["a", "b"]}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, threading.Lock()])
def test_metadata_that_is_no_json_is_refused_with_the_step(context: StepContext, value: object) -> None:
    with pytest.raises(AuthoringError, match="step 's': log_metadata takes JSON values"):
        context.log_metadata({"kept": 1, "value": value})
    assert context.metadata == {}
