"""Secrets of steps and of their artifact store, on an Airflow that masks them: where their values are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.airflow.harness import DagRunResult
from tests.airflow.running import RunningAirflow
from tests.engines.buckets import KEY, STACK, Bucket
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.shared_airflow import LINES, PASSWORD, TOKEN, SharedAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.postgres, pytest.mark.s3, pytest.mark.timeout(900)]

VALUES = (PASSWORD, TOKEN, *LINES, KEY)
MODES = ("docker", "kubernetes", "deferred", "python")
STEPS = """
    import json
    import logging
    import os
    import sys
    import time

    from airflow_provider_pipes import DockerSettings, pipeline, step

    SECRETS = DockerSettings(
        secrets={
            "PASSWORD": "airflow-connection:vault.password",
            "PEM": "airflow-connection:vault.extra.pem",
            "TOKEN": "environment:TEST_TOKEN",
        }
    )
    MODES = {
        "docker": {"operator": "docker"},
        "kubernetes": {"operator": "kubernetes"},
        "deferred": {"operator": "kubernetes", "operator_args": {"deferrable": True}},
        "python": {"operator": "python", "requirements": ["pipes_greeting<2"]},
    }


    def key_of_the_store() -> str:
        return json.loads(os.environ["AIRFLOW_CONN_TEAM_STORE"])["password"]


    @step(cache=False)
    def tells(seconds: int) -> list[int]:
        print("the password is", os.environ["PASSWORD"])
        print("the token is", os.environ["TOKEN"], file=sys.stderr)
        print("the key is\\n" + os.environ["PEM"])
        print("the key of the store is", key_of_the_store())
        logging.getLogger("steps").warning("logged: %s", os.environ["PASSWORD"])
        time.sleep(seconds)
        return [len(os.environ[name]) for name in ("PASSWORD", "TOKEN", "PEM")] + [len(key_of_the_store())]


    @step(cache=False)
    def fails() -> None:
        raise ValueError("refused: " + " ".join([os.environ["PASSWORD"], key_of_the_store()]))


    @pipeline(docker=SECRETS)
    def telling(seconds: int = 0) -> None:
        for name, chosen in MODES.items():
            tells.with_options(name=name, settings={"orchestrator.airflow": chosen})(seconds)


    @pipeline(docker=SECRETS)
    def failing() -> None:
        for name, chosen in MODES.items():
            fails.with_options(name=name, settings={"orchestrator.airflow": chosen})()
"""


@dataclass(frozen=True)
class Secretive:
    """A running Airflow with the project, whose containers and pods stay."""

    shared: SharedAirflow
    made: EngineProject

    @property
    def airflow(self) -> RunningAirflow:
        return self.shared.running

    @property
    def bucket(self) -> Bucket:
        return self.shared.bucket

    def shown(self, run: DagRunResult) -> dict[str, str]:
        """Return the log of each task, as Airflow shows it."""
        return {name: self.airflow.log(run.dag_id, run.run_id, name) for name in run.tasks}


@pytest.fixture(scope="module")
def secretive(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    kubernetes: KubernetesNode,
    airflow: SharedAirflow,
) -> Iterator[Secretive]:
    folder = tmp_path_factory.mktemp("secrets")
    with EngineProject.new(folder / "project", airflow.home, docker_engine, kubernetes) as made:
        made.project.write("steps.py", STEPS)
        made.configure(
            docker={"auto_remove": "never"},
            kubernetes={"image_pull_policy": "Never", "on_finish_action": "keep_pod"},
            **STACK,
        )
        connection = airflow.bucket.connection
        made.deploy("steps.py:telling", "steps.py:failing", AIRFLOW_CONN_TEAM_STORE=connection)
        for name in ("telling", "failing"):
            airflow.running.api.unpause(name)
        yield Secretive(airflow, made)


@dataclass(frozen=True)
class Told:
    """A run whose steps told their secrets.

    Attributes:
        waiting: Airflow's database while a task waited in the triggerer.
    """

    run: DagRunResult
    waiting: str


@pytest.fixture(scope="module")
def told(secretive: Secretive) -> Told:
    airflow = secretive.airflow
    run_id = airflow.trigger("telling", {"seconds": 8})
    airflow.api.wait_for_task("telling", run_id, "deferred", ["deferred"], 120)
    waiting = secretive.shared.dump()
    assert "JobTrigger" in waiting
    return Told(airflow.wait("telling", run_id, "success", 240), waiting)


def _with_secret(places: Mapping[str, str]) -> dict[str, list[str]]:
    """Return where a secret's value is, and which."""
    found = {name: [value for value in VALUES if value in text] for name, text in places.items()}
    return {name: values for name, values in found.items() if values}


def test_the_secrets_reach_the_steps(
    secretive: Secretive, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_STORE", secretive.bucket.connection)
    lengths = [len(PASSWORD), len(TOKEN), len("\n".join(LINES)), len(KEY)]
    found = {name: told.run.output(name, connection_id="team_store") for name in MODES}
    assert found == dict.fromkeys(MODES, lengths)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_step_prints_is_masked_in_its_log(secretive: Secretive, told: Told, mode: str) -> None:
    log = secretive.shown(told.run)[mode]
    for words in ("the password is ***", "the token is ***", "the key of the store is ***", "logged: ***"):
        assert words in log
    assert _with_secret({mode: log}) == {}


def test_nothing_that_is_kept_has_a_secret(secretive: Secretive, told: Told) -> None:
    made, home = secretive.made, secretive.airflow.home
    places = {
        f"object {name}": data.decode(errors="replace") for name, data in secretive.bucket.objects().items()
    }
    assert any("/deployments/" in name for name in places)
    for folder in (made.project.root, home.dags_folder, home.path / "logs", home.path / "pipes-cache"):
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert files, folder
        places |= {str(file): file.read_bytes().decode(errors="replace") for file in files}
    places |= {"database while a task waits": told.waiting, "database": secretive.shared.dump()}
    assert "rendered_task_instance_fields" in places["database"]
    for task in secretive.airflow.api.tasks("telling", told.run.run_id):
        assert task["rendered_fields"]
        places[f"task {task['task_id']}"] = json.dumps(task)
        xcom = secretive.airflow.api.xcom("telling", told.run.run_id, task["task_id"])
        places[f"XCom of {task['task_id']}"] = json.dumps(xcom)
    assert _with_secret(places) == {}


def test_no_pod_shows_a_secret(secretive: Secretive, told: Told) -> None:
    node, namespace = secretive.made.node, secretive.made.namespace
    pods = [each for each in node.pods(namespace=namespace) if each.metadata.name.startswith("telling-")]
    assert len(pods) == 2
    client = node.api_client()
    shown = {pod.metadata.name: json.dumps(client.sanitize_for_serialization(pod)) for pod in pods}
    assert _with_secret(shown) == {}
    for pod in pods:
        (container,) = pod.spec.containers
        hidden = {each.name for each in container.env if each.value_from is not None}
        assert hidden == {"PASSWORD", "PEM", "TOKEN", "AIRFLOW_CONN_TEAM_STORE"}


def test_a_container_has_its_secrets_in_its_environment_only(secretive: Secretive, told: Told) -> None:
    found: list[dict[str, Any]] = [
        each.attrs for each in secretive.made.docker.containers(f"pipes.test={secretive.made.label}")
    ]
    (container,) = [each for each in found if each["Name"].startswith("/pipes-docker-")]
    # Docker has no other private means; who may use its socket sees it.
    assert f"PASSWORD={PASSWORD}" in container["Config"]["Env"]
    public = {**container, "Config": {**container["Config"], "Env": []}}
    assert public["Config"]["Labels"]
    assert _with_secret({"container": json.dumps(public)}) == {}


def test_a_secret_in_an_error_is_masked_too(secretive: Secretive, told: Told) -> None:
    airflow = secretive.airflow
    run = airflow.wait("failing", airflow.trigger("failing"), "failed", 240)
    assert set(run.states.values()) == {"failed"}
    logs = secretive.shown(run)
    for name, log in logs.items():
        assert "refused: ***" in log, name
    places = {
        f"object {name}": data.decode(errors="replace") for name, data in secretive.bucket.objects().items()
    }
    assert any("/failure-" in name for name in places)
    assert _with_secret({**logs, **places, "database": secretive.shared.dump()}) == {}
