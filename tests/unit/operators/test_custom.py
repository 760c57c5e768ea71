"""Operator classes that are none of ours, given a step to run as they take it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, BaseOperator, Context

from airflow_provider_pipes.errors import ConfigurationError, ContainerError
from airflow_provider_pipes.operators.container_job import ContainerJob
from airflow_provider_pipes.operators.custom import StepInOtherOperator, step_operator_class
from airflow_provider_pipes.operators.custom_attributes import give_attributes
from airflow_provider_pipes.operators.secrets import StepSecrets

OURS: dict[str, Any] = {"deployment_id": "0" * 64, "pipeline": "p", "store": "/data/artifacts"}
COMMAND = ["python", "-m", "x", "--path=$(HOME)/a b"]


class ShellOperator(BaseOperator):
    """Takes its command as one text."""

    def __init__(
        self, *, script: str, container: str = "", variables: dict[str, str] | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.script = script
        self.container = container
        self.variables = variables

    def execute(self, context: Context) -> None:
        """Run nothing."""


class ListOperator(BaseOperator):
    """Says nothing of types, and takes variables as a list; waits elsewhere by default."""

    def __init__(self, *, image=None, command=None, environment=(), deferrable=True, **kwargs: Any):  # type: ignore[no-untyped-def]
        super().__init__(**kwargs)
        self.image, self.command, self.environment = image, command, list(environment)
        self.deferrable = deferrable


def made(stock: type[BaseOperator], mapping: dict[str, str], **arguments: Any) -> Any:
    return step_operator_class(stock, **mapping)(
        **{"task_id": "train", "image": "written:1", **OURS, **arguments}
    )


def given(operator: Any, **fields: Any) -> Any:
    named = cast(
        "Any", SimpleNamespace(launch=SimpleNamespace(plan=SimpleNamespace(name="train"), token="t0"))
    )
    values: dict[str, Any] = {
        "delegation": named,
        "command": COMMAND,
        "environment": {"A": "$(B)"},
        "secrets": StepSecrets(),
        "labels": {},
        "image": "pinned:1",
        "resources": {},
        "user": None,
        "store_folder": None,
    }
    give_attributes(cast("StepInOtherOperator", operator), ContainerJob(**{**values, **fields}))
    return operator


SHELL = {"image": "container", "command": "script", "environment": "variables"}
POD = {"command": "cmds", "environment": "env_vars"}


def test_an_operator_that_takes_text_gets_a_command_for_a_shell() -> None:
    operator = given(made(ShellOperator, SHELL, variables={"OWN": "1"}))
    assert operator.script == "python -m x '--path=$(HOME)/a b'"
    assert operator.variables == {"OWN": "1", "A": "$(B)"}
    assert operator.container == "pinned:1"


def test_the_image_is_the_written_one_where_the_run_s_deployment_names_none() -> None:
    assert given(made(ShellOperator, SHELL), image=None).container == "written:1"


def test_one_that_takes_lists_gets_lists_and_is_not_to_defer() -> None:
    operator = given(made(ListOperator, {}, environment=[{"name": "OWN", "value": "1"}]))
    assert operator.command == COMMAND
    assert operator.environment == [{"name": "OWN", "value": "1"}, {"name": "A", "value": "$(B)"}]
    assert operator.deferrable is False


def test_airflow_s_docker_operator_named_by_its_path_gets_the_command_as_it_is() -> None:
    operator = given(
        made(DockerOperator, {"private_environment": "private_environment"}, network_mode="none"),
        secrets=StepSecrets({"TOKEN": "s3cret"}),
    )
    assert (operator.image, operator.command, operator.network_mode) == ("pinned:1", COMMAND, "none")
    assert operator.environment == {"A": "$(B)"}
    assert operator._private_environment == {"TOKEN": "s3cret"}


def test_nothing_that_goes_to_a_kubelet_is_expanded_there() -> None:
    operator = given(made(KubernetesPodOperator, POD, deferrable=True))
    assert operator.cmds == ["python", "-m", "x", "--path=$$(HOME)/a b"]
    assert [(each.name, each.value) for each in operator.env_vars] == [("A", "$$(B)")]
    assert operator.deferrable is False
    with_others = given(made(KubernetesPodOperator, POD, env_vars={"OWN": "1"}))
    assert with_others.env_vars == {"OWN": "1", "A": "$$(B)"}


NOWHERE = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
"""


class DerivedPodOperator(KubernetesPodOperator):
    """Runs pods somewhere, as those of cloud providers do."""


@pytest.mark.parametrize("stock", [KubernetesPodOperator, DerivedPodOperator])
def test_an_operator_of_pods_takes_what_is_written_as_in_a_manifest(
    stock: type[BaseOperator], tmp_path: Path
) -> None:
    operator = given(
        made(
            stock,
            POD,
            volumes=[{"name": "a", "hostPath": {"path": "/data"}}],
            volume_mounts=[{"name": "a", "mountPath": "/data"}],
            tolerations=[{"key": "batch"}],
            env_vars=[{"name": "OWN", "value": "1"}],
            image_pull_secrets=["registry"],
            container_resources={"limits": {"cpu": "1"}},
            ports=[{"containerPort": 80}],
        )
    )
    operator.config_file = str(tmp_path / "config")
    Path(operator.config_file).write_text(NOWHERE, encoding="utf-8")
    pod = operator.build_pod_request_obj()
    (container,) = pod.spec.containers
    assert pod.spec.volumes[0].host_path.path == "/data"
    assert container.volume_mounts[0].mount_path == "/data"
    assert pod.spec.tolerations[0].key == "batch"
    assert [each.name for each in container.env] == ["OWN", "A"]
    assert pod.spec.image_pull_secrets[0].name == "registry"
    assert (container.resources.limits, container.ports[0].container_port) == ({"cpu": "1"}, 80)


def test_what_kubernetes_does_not_know_is_told_with_the_step() -> None:
    operator = made(KubernetesPodOperator, POD, volumes=[{"name": "a", "hostPath": {"pathh": "/data"}}])
    with pytest.raises(ConfigurationError, match="step 'train', operator argument volumes: "):
        given(operator)


@pytest.mark.parametrize(
    ("mapping", "secrets", "told"),
    [
        (
            {},
            StepSecrets({"TOKEN": "s3cret"}),
            "needs secret variables, and the orchestrator's table of operators",
        ),
        ({}, StepSecrets(kubernetes={"TOKEN": ("a", "b")}), "TOKEN is a secret of Kubernetes, which reaches"),
        (
            {"environment": "variables"},
            StepSecrets(),
            "StepListOperator has no attribute 'variables'; name in",
        ),
    ],
)
def test_what_can_not_be_passed_on_is_told(mapping: dict[str, str], secrets: StepSecrets, told: str) -> None:
    with pytest.raises(ContainerError, match=told) as error:
        given(made(ListOperator, mapping), secrets=secrets)
    assert "s3cret" not in str(error.value)


def test_its_class_is_named_after_the_other_and_takes_the_defaults_of_a_dag() -> None:
    operator_class = step_operator_class(ShellOperator, **SHELL)
    with DAG("d", default_args={**OURS, "retries": 3, "container": "default:1"}):
        operator = cast("Any", operator_class(task_id="train"))
    assert operator_class.__name__ == operator.task_type == "StepShellOperator"
    assert (operator.retries, operator.pipeline, operator.step_name) == (3, "p", "train")
    assert operator.container == "default:1"


def test_importing_it_imports_no_client_and_no_core() -> None:
    program = (
        "import sys, airflow_provider_pipes.operators.custom\n"
        "print([name for name in sys.modules if name.startswith(('docker', 'kubernetes', "
        "'airflow_provider_pipes.runtime', 'airflow_provider_pipes.models'))])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
