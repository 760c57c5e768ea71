"""Airflow's own Docker operator named by its path, as any other class would be, on a real engine."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode

pytestmark = [pytest.mark.airflow]

STEPS = """
    import os

    from airflow_provider_pipes import DockerSettings, pipeline, step

    IMAGE = DockerSettings(
        environment={"WORD": "plain"},
        secrets={"HIDDEN": "environment:PIPES_TEST_HIDDEN"},
    )


    @step
    def where() -> dict[str, str]:
        word, hidden = os.environ["WORD"], os.environ["HIDDEN"][::-1]
        return {"host": os.uname().nodename, "word": word, "hidden": hidden}


    @step(settings={"orchestrator.airflow": {"operator": "python"}})
    def outside(found: dict[str, str]) -> dict[str, str]:
        return {**found, "worker": os.uname().nodename}


    @pipeline(docker=IMAGE)
    def elsewhere() -> None:
        outside(where())
"""


def test_a_step_runs_by_a_class_that_only_its_path_names(
    docker_engine: DockerEngine, kubernetes: KubernetesNode, tmp_path: Path
) -> None:
    label = f"pipes.test.other.{uuid.uuid4().hex}"
    home = AirflowHome.ready(tmp_path / "airflow").with_environment({"PIPES_TEST_HIDDEN": "drowssap"})
    engine = {
        "path": "airflow.providers.docker.operators.docker.DockerOperator",
        "private_environment": "private_environment",
        "args": {
            "docker_url": docker_engine.url,
            "network_mode": "none",
            "mount_tmp_dir": False,
            "auto_remove": "force",
            "user": f"{os.getuid()}:{os.getgid()}",
            "labels": {label: "yes"},
            "mounts": [{"Target": str(tmp_path), "Source": str(tmp_path), "Type": "bind"}],
        },
    }
    before = docker_engine.moment()
    with EngineProject.new(tmp_path / "project", home, docker_engine, kubernetes) as made:
        made.project.write("steps.py", STEPS)
        made.configure({"operator": "engine", "operators": {"engine": engine}})
        try:
            made.deploy("steps.py:elsewhere")
            (run,) = home.run_dags(["elsewhere"])
            found = run.check().output("outside")
        finally:
            docker_engine.remove(label)
    assert (found["word"], found["hidden"]) == ("plain", "password")
    assert found["host"] != found["worker"]
    assert len(docker_engine.events(before, "start", label)) == 1
    assert "drowssap" not in run.log
