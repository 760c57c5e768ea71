"""DAG files of steps that run in containers, by Airflow's operators and by others."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.errors import DeployError
from airflow_provider_pipes.models.deployment import PipelineDeployment, StepSpec
from airflow_provider_pipes.models.settings import ResourceSettings
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.orchestrators.airflow.location import StoreLocation
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import argument_problems
from airflow_provider_pipes.orchestrators.airflow.render import render_dag_file
from tests.unit.orchestrators.dag_files import (
    assert_ruff_leaves_alone,
    dag_keywords,
    deployment,
    json_values,
    step,
    task_keywords,
    value,
    whole_texts,
)

EKS = {
    "path": "airflow.providers.amazon.aws.operators.eks.EksPodOperator",
    "command": "cmds",
    "environment": "env_vars",
}
GKE = {
    "path": "airflow.providers.google.cloud.operators.kubernetes_engine.GKEStartPodOperator",
    "command": "cmds",
    "environment": "env_vars",
}


def render(of: PipelineDeployment, store: StoreLocation | None = None, **config: Any) -> str:
    text = render_dag_file(
        of,
        "digits",
        store or StoreLocation("/srv/artifacts"),
        config=AirflowOrchestratorConfig.model_validate(config),
    )
    assert_ruff_leaves_alone(text)
    compile(text, "digits.py", "exec")
    return text


def by(operator: str, name: str, image: str | None = "i:1", **arguments: Any) -> StepSpec:
    said: dict[str, Any] = {"operator": operator}
    if arguments:
        said["operator_args"] = arguments
    return step(name, orchestrator_settings=said, image=None if operator == "python" else image)


def constants(text: str) -> dict[str, Any]:
    found = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): node.value for node in found}


def modules(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("import ", "from "))]


@pytest.mark.parametrize(
    ("operator", "stock", "ours"),
    [
        ("docker", "airflow.providers.docker.operators.docker", "StepDockerOperator"),
        ("kubernetes", "airflow.providers.cncf.kubernetes.operators.pod", "StepKubernetesPodOperator"),
    ],
)
def test_a_file_imports_what_its_own_tasks_need(operator: str, stock: str, ours: str) -> None:
    text = render(deployment([by(operator, "a")]))
    assert modules(text) == [
        f"import {stock}  # noqa: F401",
        "from airflow.sdk import DAG",
        f"from airflow_provider_pipes.operators.{operator} import {ours}",
    ]
    assert f'    a = {ours}(task_id="a", image="i:1")\n' in text


def test_an_image_of_several_steps_is_said_once() -> None:
    text = render(deployment([by("docker", "a"), by("docker", "b"), by("kubernetes", "c", "other:1")]))
    assert value(constants(text)["IMAGE"]) == "i:1"
    assert [ast.unparse(each["image"]) for each in task_keywords(text)] == ["IMAGE", "IMAGE", "'other:1'"]


def test_several_shared_images_are_named_after_their_first_steps() -> None:
    names = ["a-b", "a_b", "train", "IMAGE_TRAIN"]
    steps = [
        by("docker", name, image) for name, image in zip(names, ["i:1", "i:1", "j:1", "j:1"], strict=True)
    ]
    text = render(deployment(steps))
    images = [ast.unparse(each["image"]) for each in task_keywords(text)]
    assert images[0] == images[1] != images[2] == images[3] == "IMAGE_TRAIN_"
    assert {name: value(node) for name, node in constants(text).items()} == {
        images[0]: "i:1",
        images[2]: "j:1",
    }


def test_a_step_without_its_image_is_no_file() -> None:
    with pytest.raises(DeployError, match="step 'a' runs in a container and has no image yet"):
        render(deployment([by("docker", "a", None)]))


def test_what_pods_need_of_the_cluster_is_said_where_it_is_no_default() -> None:
    volume = {"hostPath": {"path": "/data"}}
    config: dict[str, Any] = {"store_volume": volume, "gpu_resource": "amd.com/gpu", "gpu_type_label": "gpu"}
    pods, containers = deployment([by("kubernetes", "a")]), deployment([by("docker", "a")])
    ids = {"deployment_id", "pipeline", "store"}
    said = value(dag_keywords(render(pods, **config))["default_args"])
    assert {name: said[name] for name in said.keys() - ids} == config
    remote = value(dag_keywords(render(pods, StoreLocation("s3://bucket"), **config))["default_args"])
    assert remote.keys() - ids == {"gpu_resource", "gpu_type_label"}
    assert value(dag_keywords(render(containers, **config))["default_args"]).keys() == ids
    assert value(dag_keywords(render(pods))["default_args"]).keys() == ids


def test_resources_of_a_python_step_become_slots_of_the_pool() -> None:
    asks = step("a", resource_settings=ResourceSettings(gpu_count=2))
    text = render(deployment([asks]), gpu_pool="gpus")
    assert '    a = StepPythonOperator(task_id="a", pool="gpus", pool_slots=2)\n' in text
    assert "pool" not in render(deployment([asks]))


def test_another_class_is_imported_by_its_name_and_made_an_operator_of_steps() -> None:
    text = render(
        deployment([by("eks", "a", namespace="ml"), by("gke", "b"), by("own", "EksPodOperator")]),
        operators={"eks": EKS, "gke": GKE, "own": {"path": "acme:EksPodOperator"}},
    )
    assert modules(text) == [
        "from airflow.providers.amazon.aws.operators.eks import EksPodOperator",
        "from airflow.providers.google.cloud.operators.kubernetes_engine import (",
        "from airflow.sdk import DAG",
        "from airflow_provider_pipes.operators.custom import step_operator_class",
        "from acme import EksPodOperator as EksPodOperator_",
    ]
    made = {name: ast.unparse(node) for name, node in constants(text).items() if name.startswith("Step")}
    pods = "image='image', command='cmds', environment='env_vars'"
    usual = "image='image', command='command', environment='environment'"
    assert made == {
        "StepEksPodOperator": f"step_operator_class(EksPodOperator, {pods})",
        "StepGKEStartPodOperator": f"step_operator_class(GKEStartPodOperator, {pods})",
        "StepEksPodOperator_": f"step_operator_class(EksPodOperator_, {usual})",
    }
    assert '    a = StepEksPodOperator(task_id="a", image=IMAGE, namespace="ml")\n' in text
    assert '    EksPodOperator__ = StepEksPodOperator_(task_id="EksPodOperator", image=IMAGE)\n' in text


def test_a_template_of_a_user_s_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "docker.py.jinja").write_text(
        '{% set task_arguments = dict(task.arguments, owner="me") %}\n'
        "    {{ assignment(task.variable, call(task.operator, task_arguments), 4) }}\n"
    )
    text = render_dag_file(
        deployment([by("docker", "a"), by("python", "b")]), "d", StoreLocation("/srv"), templates_dir=tmp_path
    )
    assert '    a = StepDockerOperator(task_id="a", image="i:1", owner="me")\n' in text
    assert '    b = StepPythonOperator(task_id="b")\n' in text


@given(
    st.dictionaries(
        st.sampled_from(["hostname", "network_mode", "extra_hosts", "mounts", "labels"]),
        json_values(whole_texts),
    ),
    st.booleans(),
)
def test_arguments_come_out_as_they_were_given(arguments: dict[str, Any], shared: bool) -> None:
    if argument_problems("docker", arguments):
        return
    steps = [by("docker", "a", **arguments), *([by("docker", "b", **arguments)] if shared else [])]
    of = deployment(steps)
    text = render_dag_file(of, "digits", StoreLocation("/srv"))
    again = PipelineDeployment.from_json(of.document)
    assert render_dag_file(again, "digits", StoreLocation("/srv")) == text
    defaults = value(dag_keywords(text)["default_args"])
    for task in task_keywords(text):
        given_ = {name: value(node) for name, node in task.items() if name in arguments}
        assert {**{name: defaults[name] for name in arguments if name in defaults}, **given_} == arguments
