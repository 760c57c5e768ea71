from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from airflow_provider_pipes.authoring.values import OutputValue, ParameterValue, output_of, parameter_of
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.compile import StackView, compile_pipeline
from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.models.deployment import PipelineDeployment, StackSpec
from airflow_provider_pipes.models.documents import ExecutionInfo, OutputReference
from airflow_provider_pipes.runtime.inputs import load_inputs, resolve_inputs
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from tests.properties.pipelines import Made, made_pipelines

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def code() -> ProjectCode:
    return ProjectCode(ProjectLayout(ROOT, ("",)))


def compiled(made: Made, code: ProjectCode) -> PipelineDeployment:
    return compile_pipeline(made.pipeline, StackView(StackSpec(name="default")), code).deployment


relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@relaxed
@given(made=made_pipelines())
def test_any_pipeline_comes_back_from_its_document(made: Made, code: ProjectCode) -> None:
    deployment = compiled(made, code)
    again = PipelineDeployment.from_json(deployment.document)
    assert again.document == deployment.document
    assert again.id == deployment.id
    assert repr(again) == repr(deployment)  # not ==, which no NaN survives
    assert compiled(made, code).document == deployment.document


@relaxed
@given(made=made_pipelines())
def test_what_a_call_is_given_arrives_in_the_step(made: Made, code: ProjectCode) -> None:
    deployment = compiled(made, code)
    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    upstream = {
        step.name: {output.name: reference(step.name, output.name) for output in step.outputs}
        for step in deployment.step_specs
    }
    for step, given_arguments in zip(deployment.step_specs, made.given, strict=True):
        inputs = resolve_inputs(plan.step(step.name), {"p": "the p", "q": "the q"}, upstream)
        info = ExecutionInfo(
            deployment_id=deployment.id,
            pipeline=plan.pipeline,
            step=step.name,
            run_name="r",
            token="t",
            prefix="x",
            inputs=inputs,
        )
        arrived = load_inputs(ExecutionInfo.from_json(info.to_json()).inputs, lambda found: found.path)
        assert repr(arrived) == repr(expected(given_arguments))


def reference(step: str, output: str) -> dict[str, Any]:
    path = f"{step}/{output}"
    made = OutputReference(path=path, uri="u", materializer="json", type="int", size=1, sha256="0")
    return made.to_mapping()


def expected(value: Any) -> Any:
    if isinstance(value, ParameterValue):
        return f"the {parameter_of(value).name}"
    if isinstance(value, OutputValue):
        source = output_of(value)
        return f"{source.call.name}/{source.output}"
    if isinstance(value, dict):
        return {key: expected(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(expected(each) for each in value)
    return value
