"""The operator as a DAG file makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator
from airflow_provider_pipes.operators.kubernetes_arguments import take_plain_arguments
from airflow_provider_pipes.operators.kubernetes_run import arguments_kept

pytestmark = pytest.mark.airflow

OURS: dict[str, Any] = {"deployment_id": "d" * 64, "pipeline": "p", "store": "/store"}


def made(defaults: dict[str, Any] | None = None, **arguments: Any) -> StepKubernetesPodOperator:
    with DAG("d", default_args={**OURS, **(defaults or {})}):
        return StepKubernetesPodOperator(task_id="train", **arguments)


def test_defaults_of_the_dag_reach_the_stock_operator_and_ours() -> None:
    operator = made({"namespace": "ml", "gpu_resource": "amd.com/gpu", "retries": 3, "unknown": 1}, image="i")
    assert (operator.namespace, operator.gpu_resource, operator.retries) == ("ml", "amd.com/gpu", 3)
    assert (operator.image, operator.store, operator.step_name) == ("i", "/store", "train")


def test_what_a_task_says_goes_before_the_defaults_of_the_dag() -> None:
    operator = made({"namespace": "ml", "startup_check_interval_seconds": 9}, namespace="other")
    assert (operator.namespace, operator.startup_check_interval_seconds) == ("other", 9)


def test_our_defaults_differ_from_the_stock_ones_where_steps_want_it() -> None:
    operator = made()
    assert operator.do_xcom_push is True
    assert operator.startup_check_interval_seconds == 1
    assert operator.container_name_log_prefix_enabled is False


def test_a_mapped_task_takes_our_arguments_and_the_stock_ones() -> None:
    with DAG("d", default_args={**OURS, "namespace": "ml"}):
        mapped = StepKubernetesPodOperator.partial(task_id="train", gpu_resource="g").expand(
            cluster_context=["a", "b"]
        )
    operator = mapped.unmap({"cluster_context": "b"})
    assert isinstance(operator, StepKubernetesPodOperator)
    assert (operator.namespace, operator.gpu_resource, operator.cluster_context) == ("ml", "g", "b")
    assert operator.step_name == "train"


def test_a_run_gives_the_operator_every_argument_back_that_it_changed() -> None:
    operator = made(
        image="i", volumes=[{"name": "v", "emptyDir": {}}], env_vars={"A": "1"}, labels={"a": "b"}
    )
    before = dict(vars(operator))
    with arguments_kept(operator):
        take_plain_arguments(operator)
        operator.labels, operator.cmds, operator.name = {"c": "d"}, ["python"], "n"
    assert dict(vars(operator)) == before


def test_ports_may_be_given_as_in_a_manifest() -> None:
    assert made(ports=[{"containerPort": 80}]).ports[0].container_port == 80


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="nmespace"):
        made(nmespace="ml")


def test_a_dag_file_imports_nothing_but_the_stock_operator_and_this_module(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "import airflow.providers.cncf.kubernetes.operators.pod\n"
        "before = set(sys.modules)\n"
        "import airflow_provider_pipes.operators.kubernetes\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    ours = [name for name in done.stdout.split() if name.startswith("airflow_provider_pipes.operators.")]
    assert ours == [
        f"airflow_provider_pipes.operators.{name}" for name in ("container", "kubernetes", "links", "mixin")
    ]
    assert not any(name.startswith(("pydantic", "fsspec")) for name in done.stdout.split())
