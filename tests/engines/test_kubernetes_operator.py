"""Steps in pods: real tasks of Airflow's ``dag.test()`` on a real node, all in one process."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from kubernetes.client import CoreV1Api

from airflow_provider_pipes.operators.container_job import STEP_RUN_LABEL, TOKEN_LABEL
from airflow_provider_pipes.testing.airflow_results import DagRunResult
from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import logs_by_dag, run_in_parallel

pytestmark = pytest.mark.airflow

PIPELINES = """
    import os
    import sys
    from pathlib import Path

    from arguments import ARGUMENTS
    from notes import note

    from airflow_provider_pipes import DockerSettings, FailWithoutRetry, ResourceSettings, SkipStep
    from airflow_provider_pipes import pipeline, step


    def pods(name):
        return {"orchestrator.airflow": {"operator_args": ARGUMENTS[name]}}


    def image(name):
        return DockerSettings(skip_build=True, image=name)


    @step
    def numbers(count: int = 3) -> list[int]:
        print("counting to", count)
        note("numbers", count)
        return list(range(count))


    @step
    def total(values: list[int]) -> int:
        note("total", sum(values))
        return sum(values)


    @pipeline
    def sums(count: int = 3) -> None:
        total(numbers(count=count))


    @pipeline
    def sums_again(count: int = 3) -> None:
        total(numbers(count=count))


    @step(
        cache=False,
        docker=DockerSettings(
            environment={"TEXT": "$(SECRET) $$(SECRET) ${SECRET} a'b\\"c \\n{{ 7*7 }}$"},
            secrets={
                "SECRET": "environment:THE_SECRET",
                "PASSWORD": "airflow-connection:vault.password",
                "KEY": "kubernetes-secret:theirs.key",
            },
        ),
    )
    def secretive(text: str = "$(SECRET)") -> None:
        found = {name: os.environ[name] for name in ("TEXT", "SECRET", "PASSWORD", "KEY")}
        note("secretive", text, found)


    @pipeline(settings=pods("secrets"))
    def secrets(text: str = "$(SECRET)") -> None:
        secretive(text=text)


    @step(
        cache=False,
        resources=ResourceSettings(
            cpu_count=0.5,
            memory="128MiB",
            ephemeral_storage="50MB",
            shm_size="32MiB",
            gpu_count=2,
            gpu_type="H100",
        ),
    )
    def big() -> None:
        note("never")


    @pipeline(settings=pods("resourceful"), docker=DockerSettings(environment={"CHOSEN": "by the user"}))
    def resourceful() -> None:
        big()


    @step(cache=False, resources=ResourceSettings(gpu_count=2, memory="256MiB", shm_size="32MiB"))
    def computes() -> None:
        shared = os.statvfs("/dev/shm")
        note("computes", os.environ["PIPES_GPU_COUNT"], shared.f_blocks * shared.f_frsize)


    @pipeline(settings=pods("gpus"))
    def gpus() -> None:
        computes()


    @pipeline
    def gpus_missing() -> None:
        computes()


    @step(cache=False, resources=ResourceSettings(memory="64MiB"))
    def eats() -> None:
        held = b"x" * (256 * 2**20)
        note("never", len(held))


    @pipeline
    def hungry() -> None:
        eats()


    @step(cache=False)
    def leaves() -> None:
        print("the last words", flush=True)
        os._exit(7)


    @pipeline
    def leaving() -> None:
        leaves()


    @step(cache=False)
    def dies() -> None:
        os._exit(137)


    @pipeline
    def dying() -> None:
        dies()


    @step(cache=False)
    def raises() -> None:
        raise ValueError("no such number: 42")


    @pipeline
    def raising() -> None:
        raises()


    @step(cache=False)
    def skips() -> None:
        raise SkipStep("nothing to do today")


    @pipeline
    def skipping() -> None:
        skips()


    @step(cache=False, retries=3)
    def refuses() -> None:
        note("refuses")
        raise FailWithoutRetry("the data is wrong")


    @pipeline
    def refusing() -> None:
        refuses()


    @step(cache=False)
    def prints() -> None:
        for number in range(100_000):
            print(f"line {number:06d} of the log")
        print("", "last", sep="\\n")


    @pipeline
    def printing() -> None:
        prints()


    @step(cache=False)
    def nothing() -> None:
        note("nothing")


    @pipeline(docker=image("127.0.0.1:9/nothing/here:1"))
    def no_image() -> None:
        nothing()


    @step(cache=False, resources=ResourceSettings(gpu_count=64))
    def waits() -> None:
        note("never")


    @pipeline(settings=pods("no_node"))
    def no_node() -> None:
        waits()


    @pipeline(settings=pods("no_key"))
    def no_key() -> None:
        nothing()


    @pipeline
    def no_store() -> None:
        nothing()


    @pipeline(settings=pods("no_rights"))
    def no_rights() -> None:
        nothing()


    @pipeline(settings=pods("no_api"))
    def no_api() -> None:
        nothing()


    @pipeline(docker=image("pipes.local/pause:3.2"))
    def no_program() -> None:
        nothing()


    @pipeline(settings=pods("templated"))
    def templated() -> None:
        nothing()


    @pipeline(settings=pods("beside_another"))
    def beside_another() -> None:
        nothing()
"""
# Those of a group run one after another, the groups beside each other; they take about as long.
GROUPS = (
    ("sums", "sums_again", "secrets", "resourceful", "hungry", "leaving", "dying", "raising", "skipping",
     "refusing", "no_image", "no_program", "gpus", "gpus_missing"),
    ("printing", "no_node", "no_key", "no_store", "no_rights", "no_api", "templated", "beside_another"),
)  # fmt: skip
NAMES = [name for group in GROUPS for name in group]
SECRET = "s3cret-value-of-the-worker"
PASSWORD = "passw0rd-of-the-connection"
GPUS = 2


@dataclass(frozen=True)
class Results:
    """What came of the pipelines above.

    Attributes:
        steps: The project.
        runs: By pipeline.
        logs: The same.
    """

    steps: EngineProject
    runs: Mapping[str, DagRunResult]
    logs: Mapping[str, str]

    def pod(self, step: str) -> Any:
        """Return the pod of a step that was kept."""
        annotation = "airflow-provider-pipes/step"
        (found,) = (each for each in self.steps.pods() if each.metadata.annotations[annotation] == step)
        return found

    def error(self, name: str) -> str:
        """Return what the failed task of a pipeline told."""
        assert self.runs[name].state == "failed", self.logs[name]
        return self.logs[name]


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Results]:
    folder = tmp_path_factory.mktemp("operator")
    vault = json.dumps({"conn_type": "http", "password": PASSWORD})
    home = AirflowHome.ready(folder / "airflow").with_environment(
        {"THE_SECRET": SECRET, "AIRFLOW_CONN_VAULT": vault}
    )
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as steps:
        core = kubernetes.client()
        core.create_namespaced_secret(
            steps.namespace, {"metadata": {"name": "theirs"}, "stringData": {"key": "from the cluster"}}
        )
        steps.project.write("arguments.py", f"ARGUMENTS = {_arguments(steps, core, folder)!r}\n")
        steps.project.write("pipelines.py", PIPELINES)
        steps.configure({"operator": "kubernetes", "gpu_type_label": "pipes.test/gpu"})
        steps.deploy(*(f"pipelines.py:{name}" for name in NAMES))
        _take_the_volume_of_the_store(home.dags_folder / "no_store.py")
        groups = [[DagRunRequest(name) for name in group] for group in GROUPS]
        runs = run_in_parallel(home, groups)
        yield Results(steps, {each.dag_id: each for each in runs}, logs_by_dag(runs))


def _take_the_volume_of_the_store(dag: Path) -> None:
    """Do what somebody might who edits a DAG file; `pipes deploy` refuses to write such a one."""
    with dag.open("a", encoding="utf-8") as file:
        file.write("\nnothing.store_volume = None\n")


def _arguments(steps: EngineProject, core: CoreV1Api, folder: Path) -> dict[str, dict[str, Any]]:
    keep = {"on_finish_action": "keep_pod"}
    unreachable = yaml.safe_load(steps.node.kubeconfig.read_text())
    unreachable["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    template = {
        "metadata": {"labels": {"team": "templates"}},
        "spec": {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "securityContext": {"fsGroup": 7},
            "containers": [
                {"name": "base", "args": ["not", "ours"], "env": [{"name": "FROM_TEMPLATE", "value": "1"}]}
            ],
        },
    }
    return {
        "secrets": keep,
        "resourceful": {**keep, **_user_chosen()},
        "gpus": _with_gpus(steps.notes_file),
        "beside_another": {"full_pod_spec": {"spec": {"containers": [{"name": "base"}, _sidecar(steps)]}}},
        "no_node": {"schedule_timeout_seconds": 4},
        "no_key": {"env_from": [{"secretRef": {"name": "absent"}}], "startup_timeout_seconds": 60},
        "no_rights": {"config_file": str(_account_without_rights(steps, core, folder))},
        "no_api": {"config_file": str(_written(folder / "unreachable.yaml", unreachable))},
        "templated": {**keep, "pod_template_file": str(_written(folder / "template.yaml", template))},
    }


def _with_gpus(notes_file: Path) -> dict[str, Any]:
    """Return two character devices, as a node with GPUs gives them."""
    notes = str(notes_file)
    devices = [f"/dev/nvidia{number}" for number in range(GPUS)]
    return {
        "volumes": [
            {"name": "notes", "hostPath": {"path": notes, "type": "File"}},
            {"name": "device", "hostPath": {"path": "/dev/null", "type": "CharDevice"}},
        ],
        "volume_mounts": [
            {"name": "notes", "mountPath": notes},
            *({"name": "device", "mountPath": each} for each in devices),
        ],
    }


def _sidecar(steps: EngineProject) -> dict[str, Any]:
    """Return a container that ends by nothing but the pod's end."""
    command = ["python3", "-c", "import signal, time; signal.signal(15, lambda *_: exit()); time.sleep(600)"]
    return {"name": "sidecar", "image": steps.node.base_image, "command": command}


def _user_chosen() -> dict[str, Any]:
    return {
        "container_resources": {"requests": {"cpu": "100m"}},
        "tolerations": [{"key": "theirs", "operator": "Exists"}],
        "security_context": {"fsGroup": 1234},
        "annotations": {"team": "ml"},
        "image_pull_secrets": ["first", {"name": "second"}],
        "schedule_timeout_seconds": 3,
    }


def _account_without_rights(steps: EngineProject, core: CoreV1Api, folder: Path) -> Path:
    def token() -> str:
        for secret in core.list_namespaced_secret(steps.namespace).items:
            if secret.type == "kubernetes.io/service-account-token" and secret.data:
                return base64.b64decode(secret.data["token"]).decode()
        return ""

    found = yaml.safe_load(steps.node.kubeconfig.read_text())
    found["users"][0]["user"] = {"token": wait_until(token, "the token of the service account")}
    return _written(folder / "without-rights.yaml", found)


def _written(file: Path, content: Any) -> Path:
    file.write_text(yaml.safe_dump(content))
    return file


def test_steps_run_in_pods_and_their_artifacts_pass_between_them(done: Results) -> None:
    assert done.runs["sums"].state == "success", done.logs["sums"]
    assert done.steps.project.noted("total") == [[3]]
    assert "counting to 3" in done.logs["sums"]
    assert done.runs["sums"].xcom("numbers")["output"]["uri"].startswith(f"file://{done.steps.project.store}")


def test_a_cache_hit_starts_no_pod(done: Results) -> None:
    assert done.runs["sums_again"].state == "success", done.logs["sums_again"]
    assert "Cache hit" in done.logs["sums_again"]
    assert not any("sums-again" in name for name in done.steps.created())
    assert done.steps.project.noted("numbers") == [[3]]


def test_text_and_secrets_reach_the_step_as_they_are(done: Results) -> None:
    assert done.runs["secrets"].state == "success", done.logs["secrets"]
    ((text, found),) = done.steps.project.noted("secretive")
    assert text == "$(SECRET)"
    assert found == {
        "TEXT": "$(SECRET) $$(SECRET) ${SECRET} a'b\"c \n{{ 7*7 }}$",
        "SECRET": SECRET,
        "PASSWORD": PASSWORD,
        "KEY": "from the cluster",
    }


def test_a_secret_stands_nowhere_but_in_a_secret_that_goes_with_the_pod(done: Results) -> None:
    pod = done.pod("secretive")
    core = done.steps.node.client()
    shown = json.dumps(core.api_client.sanitize_for_serialization(pod))
    everything = [
        shown,
        done.logs["secrets"],
        *(file.read_text() for file in done.steps.project.home.dags_folder.glob("*.py")),
        *(str(row) for row in done.steps.project.home.rows("SELECT * FROM rendered_task_instance_fields")),
        *(str(row) for row in done.steps.project.home.rows("SELECT * FROM xcom")),
        *(file.read_text(errors="replace") for file in done.steps.project.store.rglob("*.json")),
    ]
    for text in everything:
        assert SECRET not in text
        assert PASSWORD not in text
    (secret,) = done.steps.secrets()
    assert secret.metadata.name == pod.metadata.name
    assert base64.b64decode(secret.data["SECRET"]).decode() == SECRET
    core.delete_namespaced_pod(pod.metadata.name, done.steps.namespace)
    wait_until(lambda: not done.steps.secrets(), "the end of the Secret", 30)


def test_resources_become_requests_and_limits_and_the_users_words_go_first(done: Results) -> None:
    assert "didn't match" in done.error("resourceful")
    spec = done.pod("big").spec
    container = spec.containers[0]
    amounts = {"memory": "128Mi", "ephemeral-storage": "50M", "nvidia.com/gpu": "2"}
    assert container.resources.limits == amounts
    assert container.resources.requests == {**amounts, "cpu": "100m"}
    assert spec.node_selector == {"pipes.test/gpu": "H100"}
    assert {each.key for each in spec.tolerations} >= {"theirs", "nvidia.com/gpu"}
    assert (spec.security_context.fs_group, spec.security_context.run_as_user) == (1234, 0)
    assert container.security_context.allow_privilege_escalation is False
    assert [each.name for each in spec.image_pull_secrets] == ["first", "second"]
    memory = next(each for each in spec.volumes if each.empty_dir)
    assert (memory.empty_dir.medium, memory.empty_dir.size_limit) == ("Memory", "32Mi")
    assert {each.name: each.value for each in container.env}["CHOSEN"] == "by the user"


def test_a_step_gets_its_gpus_and_its_shared_memory(done: Results) -> None:
    assert done.runs["gpus"].state == "success", done.logs["gpus"]
    # Kubernetes 1.20 has the limit only where a pod uses more; without a volume there are 64 MiB.
    ((gpus, shared),) = done.steps.project.noted("computes")
    assert gpus == "2"
    assert shared >= 32 * 2**20
    assert shared != 64 * 2**20
    assert "GPU" in done.error("gpus_missing")


def test_labels_and_annotations_tell_whose_pod_it_is(done: Results) -> None:
    metadata = done.pod("big").metadata
    assert {TOKEN_LABEL, STEP_RUN_LABEL} <= metadata.labels.keys()
    assert metadata.name == f"resourceful-big-{metadata.labels[TOKEN_LABEL]}-1"
    assert metadata.annotations["airflow-provider-pipes/pipeline"] == "resourceful"
    assert metadata.annotations["airflow-provider-pipes/run"] == done.runs["resourceful"].run_id
    assert metadata.annotations["team"] == "ml"


def test_a_step_killed_for_memory_says_what_it_asked_for(done: Results) -> None:
    error = done.error("hungry")
    assert "killed for using more memory than it may have (OOMKilled): the step asked for 64MiB" in error
    assert "raise memory in its ResourceSettings" in error


def test_an_exit_code_is_told_with_the_last_line(done: Results) -> None:
    said = "it exited with 7: something in the process ended it, as os._exit does; its last line: "
    assert f"{said}the last words" in done.error("leaving")
    assert "it exited with 137: it was ended by SIGKILL" in done.error("dying")


def test_what_a_step_raised_is_the_error(done: Results) -> None:
    error = done.error("raising")
    assert "step 'raises', run by a Kubernetes pod, raised ValueError: no such number: 42" in error


def test_a_step_can_skip_itself_or_refuse_a_retry(done: Results) -> None:
    assert done.runs["skipping"].states == {"skips": "skipped"}
    assert done.runs["refusing"].states == {"refuses": "failed"}
    assert done.steps.project.noted("refuses") == [[]]


def test_a_hundred_thousand_lines_reach_the_log(done: Results) -> None:
    assert done.runs["printing"].state == "success"
    log = done.logs["printing"]
    assert re.findall(r"line (\d{6}) of the log", log) == [f"{number:06d}" for number in range(100_000)]
    assert "b'line" not in log


def test_an_image_that_cannot_be_pulled_fails_at_once_in_the_kubelets_words(done: Results) -> None:
    error = done.error("no_image")
    assert "image 127.0.0.1:9/nothing/here:1 can't be pulled: " in error
    assert "connection refused" in error


def test_the_schedulers_own_words_are_told(done: Results) -> None:
    error = done.error("no_node")
    assert error.count("Insufficient nvidia.com/gpu") >= 2
    assert "it found no node in 4 s: 0/1 nodes are available" in error


def test_what_keeps_a_container_from_its_start_is_told(done: Results) -> None:
    assert 'its container can\'t start: secret "absent" not found' in done.error("no_key")
    assert "can't start" in done.error("no_program")


def test_a_local_store_without_a_volume_starts_no_pod(done: Results) -> None:
    error = done.error("no_store")
    assert "which no volume of its pod has; name the volume in the orchestrator's configuration" in error
    assert not any("no-store" in name for name in done.steps.created())


def test_a_missing_right_is_named(done: Results) -> None:
    error = done.error("no_rights")
    assert "Kubernetes refused (403 Forbidden)" in error
    assert 'cannot list resource "pods"' in error


def test_an_api_that_does_not_answer_is_told(done: Results) -> None:
    assert "the Kubernetes API does not answer" in done.error("no_api")


def test_a_pod_template_is_kept_but_for_what_runs_the_step(done: Results) -> None:
    assert done.runs["templated"].state == "success", done.logs["templated"]
    pods = [each for each in done.steps.pods() if each.metadata.labels.get("team") == "templates"]
    (pod,) = pods
    assert pod.spec.node_selector == {"kubernetes.io/os": "linux"}
    assert pod.spec.security_context.fs_group == 7
    assert "FROM_TEMPLATE" in {each.name for each in pod.spec.containers[0].env}
    assert "not" not in pod.spec.containers[0].args


def test_a_container_that_runs_on_beside_the_steps_is_not_awaited(done: Results) -> None:
    assert done.runs["beside_another"].state == "success", done.logs["beside_another"]

    def left() -> bool:
        return any(each.metadata.name.startswith("beside-another") for each in done.steps.pods())

    wait_until(lambda: not left(), "the end of the pod with the sidecar", 180)


def test_no_pod_is_left_but_those_that_the_user_keeps(done: Results) -> None:
    kept = {"secretive", "big", "nothing"}
    assert {each.metadata.annotations["airflow-provider-pipes/step"] for each in done.steps.pods()} <= kept
