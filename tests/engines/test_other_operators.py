"""Airflow's own Docker operator named by its path, as any other class would be, on a real engine."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.airflow.projects import Project
from tests.engines.docker_engine import DockerEngine
from tests.engines.docker_steps import step_image

pytestmark = [pytest.mark.airflow]

TOML = """
    [orchestrators.airflow]
    operator = "engine"

    [orchestrators.airflow.operators.engine]
    path = "airflow.providers.docker.operators.docker.DockerOperator"
    private_environment = "private_environment"

    [orchestrators.airflow.operators.engine.args]
    docker_url = "{url}"
    network_mode = "none"
    mount_tmp_dir = false
    auto_remove = "force"
    user = "{user}"
    labels = {{"{label}" = "yes"}}
    mounts = [{{Target = "{folder}", Source = "{folder}", Type = "bind"}}]
"""
STEPS = """
    import os

    from airflow_provider_pipes import DockerSettings, pipeline, step

    IMAGE = DockerSettings(
        skip_build=True,
        image="pipes.test/docker-steps:latest",
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


def test_a_step_runs_by_a_class_that_only_its_path_names(docker_engine: DockerEngine, tmp_path: Path) -> None:
    label = f"pipes.test.other.{uuid.uuid4().hex}"
    home = new_home(tmp_path / "airflow").with_environment({"PIPES_TEST_HIDDEN": "drowssap"})
    project = Project(tmp_path / "project", home)
    user = f"{os.getuid()}:{os.getgid()}"
    project.write(
        "pipes.toml", TOML.format(url=docker_engine.url, user=user, label=label, folder=str(tmp_path))
    )
    step_image(docker_engine)
    project.write("steps.py", STEPS)
    before = docker_engine.moment()
    try:
        project.deploy("steps.py:elsewhere")
        (run,) = home.run_dags(["elsewhere"])
        found = run.check().output("outside")
    finally:
        docker_engine.remove(label)
    assert (found["word"], found["hidden"]) == ("plain", "password")
    assert found["host"] != found["worker"]
    assert len(docker_engine.events(before, "start", label)) == 1
    assert "drowssap" not in run.log
