"""An artifact store in a bucket, whose credentials are an Airflow connection, in every mode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult
from tests.engines.buckets import KEY, STACK, Bucket, bucket
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.parallel_runs import run_in_parallel

pytestmark = [pytest.mark.airflow, pytest.mark.s3, pytest.mark.timeout(900)]

MODES = ("python", "docker", "kubernetes", "mixed")
# Those of a group run one after another, the groups beside each other.
GROUPS = (("python", "docker"), ("kubernetes", "mixed"))
STEPS = """
    import os
    import socket

    from airflow_provider_pipes import pipeline, step


    @step
    def load(count: int) -> list[int]:
        print("loading on", socket.gethostname())
        return list(range(count))


    @stepSQUARES
    def squares(numbers: list[int]) -> list[int]:
        print("squaring on", socket.gethostname())
        return [number * number for number in numbers]


    @stepTOTAL
    def total(numbers: list[int], count: int) -> int:
        print("adding on", socket.gethostname())
        assert len(numbers) == count
        return sum(numbers)


    @step
    def report(value: int) -> str:
        return f"{value} on {socket.gethostname()}"


    @pipeline
    def stored(count: int = 5) -> None:
        numbers = load(count)
        report(total(squares(numbers), count))
"""


@dataclass(frozen=True)
class Stored:
    """The pipeline, deployed once for each mode, and a run of each that takes nothing from the cache.

    Attributes:
        unreached: A run in containers that do not reach the bucket.
    """

    made: EngineProject
    home: AirflowHome
    bucket: Bucket
    runs: dict[str, DagRunResult]
    unreached: DagRunResult

    def manifests(self, run: DagRunResult) -> dict[str, dict[str, Any]]:
        found = [
            json.loads(content)
            for name, content in self.bucket.objects().items()
            if f"/runs/stored/{run.run_id}/" in name and name.endswith("manifest.json")
        ]
        return {each["step"]: each for each in found}


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[Stored]:
    folder = tmp_path_factory.mktemp("stores")
    home = AirflowHome.ready(folder / "airflow")
    with (
        bucket(kubernetes.host_address) as opened,
        EngineProject.new(folder / "project", home, docker_engine, kubernetes) as made,
    ):
        home.settings["AIRFLOW_CONN_TEAM_STORE"] = opened.connection
        for mode in MODES:
            _deploy(made, mode, opened)
        _deploy(made, "docker", opened, "unreached", network_mode="none")
        runs = _run(home, (*GROUPS[0], "unreached"), GROUPS[1], pipes_cache=False)
        unreached = runs.pop("unreached")
        _check(runs)
        yield Stored(made, home, opened, runs, unreached)


def _run(home: AirflowHome, *groups: Sequence[str], **conf: Any) -> dict[str, DagRunResult]:
    requests = [[DagRunRequest(f"stored_{mode}", conf) for mode in group] for group in groups]
    return {each.dag_id.removeprefix("stored_"): each for each in run_in_parallel(home, requests)}


def _check(runs: Mapping[str, DagRunResult]) -> None:
    for each in runs.values():
        assert each.state == "success", each.log[-8000:]


def _deploy(made: EngineProject, mode: str, opened: Bucket, name: str = "", **docker: Any) -> None:
    chosen = {"squares": "", "total": ""}
    if mode == "mixed":
        named = '(settings={{"orchestrator.airflow": {{"operator": "{}"}}}})'
        chosen = {"squares": named.format("docker"), "total": named.format("kubernetes")}
    text = STEPS.replace("SQUARES", chosen["squares"]).replace("TOTAL", chosen["total"])
    made.project.write("steps.py", text)
    # Containers and pods stay, for the tests to look at.
    made.configure(
        {"dag_id": f"{{pipeline}}_{name or mode}", "operator": "python" if mode == "mixed" else mode},
        {"auto_remove": "never", **docker},
        {"image_pull_policy": "Never", "on_finish_action": "keep_pod"},
        **STACK,
    )
    made.deploy("steps.py:stored", AIRFLOW_CONN_TEAM_STORE=opened.connection)


def test_every_mode_gives_the_same_artifacts_by_way_of_the_bucket(stored: Stored) -> None:
    hashes = {}
    for mode, run in stored.runs.items():
        found = stored.manifests(run)
        assert found.keys() == {"load", "squares", "total", "report"}
        hashes[mode] = {
            step: found[step]["outputs"]["output"]["sha256"] for step in ("load", "squares", "total")
        }
        assert run.xcom("total")["output"]["uri"].startswith("s3://bucket/pipes/runs/stored/")
    assert all(each == hashes["python"] for each in hashes.values())
    values = {mode: _loaded(stored, run, "report").partition(" on ")[0] for mode, run in stored.runs.items()}
    assert values == dict.fromkeys(MODES, "30")


def _loaded(stored: Stored, run: DagRunResult, step: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_TEAM_STORE", stored.bucket.connection)
        return str(run.output(step, connection_id="team_store"))


def test_the_steps_ran_where_they_should(stored: Stored) -> None:
    hosts = {
        mode: {step: each["host"] for step, each in stored.manifests(run).items()}
        for mode, run in stored.runs.items()
    }
    here = hosts["python"]["load"]
    assert set(hosts["python"].values()) == {here}
    for mode in ("docker", "kubernetes"):
        assert here not in hosts[mode].values()
    assert {step for step, host in hosts["mixed"].items() if host != here} == {"squares", "total"}


def test_a_second_run_is_all_from_the_cache_and_starts_nothing(stored: Stored) -> None:
    containers = stored.made.events()
    pods = stored.made.node.pod_starts(stored.made.namespace)
    assert len(pods) == 5

    runs = _run(stored.home, *GROUPS)

    _check(runs)
    for mode, run in runs.items():
        assert all(each["cached_from"] for each in stored.manifests(run).values()), mode
    assert stored.made.events() == containers
    assert stored.made.node.pod_starts(stored.made.namespace) == pods


def test_nothing_but_the_connection_has_the_credentials(stored: Stored) -> None:
    made, home = stored.made, stored.home
    places = {
        f"object {name}": content.decode(errors="replace")
        for name, content in stored.bucket.objects().items()
    }
    for folder in (made.project.root, home.path):
        places |= {
            str(each): each.read_bytes().decode(errors="replace")
            for each in folder.rglob("*")
            if each.is_file()
        }
    for table in ("rendered_task_instance_fields", "xcom", "serialized_dag", "task_instance"):
        rows = home.rows(f"SELECT * FROM {table}")
        assert rows, table
        places[table] = json.dumps(rows, default=str)
    places |= {f"log of {mode}": run.log for mode, run in stored.runs.items()}
    pods = made.node.pods(namespace=made.namespace)
    assert len(pods) == 5
    for pod in pods:
        places[pod.metadata.name] = json.dumps(made.node.api_client().sanitize_for_serialization(pod))
    containers = made.containers()
    assert len(containers) == 6, "one of them reached no bucket"
    for container in containers:
        # Docker has no other means for a secret than a container's environment, which only it shows.
        public = {**container.attrs, "Config": {**container.attrs["Config"], "Env": []}}
        places[str(container.name)] = json.dumps(public)
    assert {name for name, text in places.items() if KEY in text} == set()


def test_a_container_that_does_not_reach_the_bucket_says_so(stored: Stored) -> None:
    run = stored.unreached
    assert run.states["load"] == "failed"
    assert "the artifact store is unreachable; trying again may help" in run.log
    assert KEY not in run.log
