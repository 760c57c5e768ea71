"""What is wrong with a pod's surroundings, told by tasks of Airflow on a real node."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from kubernetes.client import RbacAuthorizationV1Api

from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import logs_by_dag, run_in_parallel

pytestmark = pytest.mark.airflow

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "kubernetes.md"
NAMES = ("prepared_badly", "no_account", "no_connection", "no_template", "with_rights")
PIPELINES = """
    from arguments import ARGUMENTS
    from notes import note

    from airflow_provider_pipes import DockerSettings, pipeline, step


    @step(cache=False, docker=DockerSettings(secrets={"SECRET": "environment:THE_SECRET"}))
    def nothing() -> None:
        note("nothing")
"""
PIPELINE = """

    @pipeline(settings={{"orchestrator.airflow": {{"operator_args": ARGUMENTS["{name}"]}}}})
    def {name}() -> None:
        nothing()
"""
PREPARE = "import time; [print('line', each, flush=True) for each in range(9)]; raise SystemExit(3)"


@pytest.fixture(scope="module")
def logs(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("arguments")
    home = AirflowHome.ready(folder / "airflow").with_environment({"THE_SECRET": "s3cret-value"})
    broken = folder / "pod.yaml"
    broken.write_text("spec:\n  containers: [\n", encoding="utf-8")
    prepare = {"name": "prepare", "image": kubernetes.base_image, "command": ["python3", "-c", PREPARE]}
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as steps:
        each: dict[str, dict[str, Any]] = {
            "prepared_badly": {"init_containers": [prepare]},
            "no_account": {"service_account_name": "absent"},
            "no_connection": {"kubernetes_conn_id": "nope", "config_file": None},
            "no_template": {"pod_template_file": str(broken)},
            "with_rights": {"config_file": str(_account_of_the_docs(steps, folder / "account.yaml"))},
        }
        steps.project.write("arguments.py", f"ARGUMENTS = {each!r}\n")
        steps.project.write("pipelines.py", PIPELINES + "".join(PIPELINE.format(name=name) for name in NAMES))
        steps.configure({"operator": "kubernetes"})
        steps.deploy(*(f"pipelines.py:{name}" for name in NAMES))
        runs = run_in_parallel(home, [[DagRunRequest(name) for name in NAMES]])
        told = logs_by_dag(runs)
        yield {each.dag_id: f"{each.state}\n{told[each.dag_id]}" for each in runs}


def _account_of_the_docs(steps: EngineProject, file: Path) -> Path:
    """Return a configuration for an account that may do what the documentation says it must."""
    block = re.search(r'```yaml title="worker.yaml"\n(.*?)```', DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    role: dict[str, Any] = yaml.safe_load(block[1])
    role["metadata"]["namespace"] = steps.namespace
    rights = RbacAuthorizationV1Api(steps.node.api_client())
    rights.create_namespaced_role(steps.namespace, role)
    account = {"kind": "ServiceAccount", "name": "worker", "namespace": steps.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    binding = {"metadata": {"name": "worker"}, "subjects": [account], "roleRef": reference}
    rights.create_namespaced_role_binding(steps.namespace, binding)
    core = steps.node.client()
    core.create_namespaced_service_account(steps.namespace, {"metadata": {"name": "worker"}})
    annotations = {"kubernetes.io/service-account.name": "worker"}
    core.create_namespaced_secret(
        steps.namespace,
        {
            "metadata": {"name": "token-of-worker", "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
        },
    )

    def token() -> str:
        data = core.read_namespaced_secret("token-of-worker", steps.namespace).data or {}
        return base64.b64decode(data.get("token", "")).decode()

    found = yaml.safe_load(steps.node.kubeconfig.read_text())
    found["users"][0]["user"] = {"token": wait_until(token, "the token of the service account")}
    file.write_text(yaml.safe_dump(found))
    return file


def test_an_init_container_that_fails_is_told_with_its_last_lines(logs: Mapping[str, str]) -> None:
    told = logs["prepared_badly"]
    assert told.startswith("failed")
    assert "init container 'prepare' failed before the step: it exited with 3; its last lines:" in told
    assert "line 8" in told
    assert "The log of the pod broke off" not in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_account", "step 'nothing': there is no service account 'absent' in namespace '"),
        ("no_connection", "step 'nothing': this worker has no access to Kubernetes: The conn_id `nope`"),
        ("no_template", "step 'nothing', operator argument pod_template_file: "),
    ],
)
def test_what_keeps_a_pod_from_being_made_is_one_sentence_with_the_step(
    logs: Mapping[str, str], name: str, told: str
) -> None:
    assert logs[name].startswith("failed")
    assert told in logs[name]
    assert "raised" not in logs[name].partition(told)[0].splitlines()[-1]


def test_the_rights_that_the_documentation_lists_are_enough(logs: Mapping[str, str]) -> None:
    assert logs["with_rights"].startswith("success"), logs["with_rights"]
