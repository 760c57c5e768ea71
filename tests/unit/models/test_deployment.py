from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_pipes.errors import ConfigurationError, IntegrityError, SchemaVersionError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.runtime.plan import DeploymentPlan

Values = dict[str, Any]


def valid() -> Values:
    reference = {"kind": "artifact", "step": "load", "output": "rows"}
    return {
        "schema_version": 1,
        "pipeline": {
            "name": "p",
            "source": "m:p",
            "parameters": [{"name": "lr", "json_schema": {"type": "number"}, "default": 0.1}],
        },
        "steps": [
            {
                "name": "load",
                "source": "m:load",
                "code_hash": "c",
                "outputs": [{"name": "rows", "type": "list"}],
            },
            {
                "name": "train",
                "source": "m:train",
                "code_hash": "c",
                "upstream": ["load"],
                "inputs": {
                    "rows": reference,
                    "lr": {"kind": "parameter", "parameter": "lr"},
                    "both": {"kind": "dict", "entries": {"a": {"kind": "tuple", "items": [dict(reference)]}}},
                },
            },
        ],
        "code": {"hash": "h"},
        "stack": {"name": "default"},
    }


def from_values(values: Any) -> PipelineDeployment:
    return PipelineDeployment.from_json(json.dumps(values).encode())


def test_a_document_comes_back_as_the_same_bytes() -> None:
    deployment = from_values(valid())
    assert PipelineDeployment.from_json(deployment.document) == deployment
    assert PipelineDeployment.from_json(deployment.document).id == deployment.id
    assert list(deployment.steps) == ["load", "train"]


def test_the_light_plan_reads_what_the_model_wrote() -> None:
    deployment = from_values(valid())
    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    assert (plan.pipeline, plan.step_names(), plan.code_hash, plan.code_roots) == (
        "p",
        ["load", "train"],
        "h",
        [""],
    )
    assert plan.step("train").upstream == ["load"]


@pytest.mark.parametrize("version", [2, 99, "2"])
def test_a_newer_deployment_is_refused_in_one_sentence(version: object) -> None:
    values = {**valid(), "schema_version": version, "invented_later": []}
    with pytest.raises(SchemaVersionError, match=f"this deployment has schema version {version!r}") as caught:
        from_values(values)
    assert "\n" not in str(caught.value)


DAMAGED: list[tuple[bytes, str]] = [
    (b"", "this is no deployment document: Expecting value"),
    (b"[]", "expected a JSON object"),
    (b"\xff", "this is no deployment document"),
    (b"{}", "this deployment document is damaged"),
    (b"[" * 100_000, "this is no deployment document"),
]


@pytest.mark.parametrize(("data", "why"), DAMAGED, ids=range(len(DAMAGED)))
def test_what_is_no_deployment_is_told(data: bytes, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        PipelineDeployment.from_json(data)


def _cycle(values: Values) -> None:
    values["steps"][0]["upstream"] = ["train"]


def _itself(values: Values) -> None:
    values["steps"][0]["upstream"] = ["load"]


def _unknown(values: Values) -> None:
    values["steps"][1]["upstream"] = ["load", "ghost"]


def _twice(values: Values) -> None:
    values["steps"][1]["name"] = "load"
    values["steps"][1]["upstream"] = []


def _not_upstream(values: Values) -> None:
    values["steps"][1]["upstream"] = []


def _no_output(values: Values) -> None:
    values["steps"][1]["inputs"]["rows"]["output"] = "ghost"


def _no_output_inside(values: Values) -> None:
    values["steps"][1]["inputs"]["both"]["entries"]["a"]["items"][0]["output"] = "ghost"


def _no_parameter(values: Values) -> None:
    values["pipeline"]["parameters"] = []


def _unknown_kind(values: Values) -> None:
    values["steps"][1]["inputs"]["rows"]["kind"] = "secret"


def _unknown_field(values: Values) -> None:
    values["steps"][1]["surprise"] = 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_cycle, "step 'load' needs step 'train', which is not before it"),
        (_itself, "step 'load' needs step 'load', which is not before it"),
        (_unknown, "step 'train' needs step 'ghost', which is not before it"),
        (_twice, "two steps are named 'load'"),
        (_not_upstream, "step 'train', input 'rows': step 'load' is not upstream of it"),
        (_no_output, "step 'train', input 'rows': step 'load' has no output 'ghost'"),
        (_no_output_inside, "step 'train', input 'both': step 'load' has no output 'ghost'"),
        (_no_parameter, "step 'train', input 'lr': the pipeline has no parameter 'lr'"),
        (_unknown_kind, "secret"),
        (_unknown_field, "surprise"),
    ],
)
def test_a_deployment_whose_steps_do_not_fit_together_is_refused(
    spoil: Callable[[Values], None], why: str
) -> None:
    values = valid()
    spoil(values)
    with pytest.raises(ConfigurationError, match=why):
        from_values(values)


def test_a_document_that_was_changed_does_not_match_its_id() -> None:
    deployment = from_values(valid())
    with pytest.raises(IntegrityError, match="it was changed or cut off; run `pipes deploy` again"):
        DeploymentPlan.from_document(deployment.document.replace(b"m:train", b"m:other"), deployment.id)
