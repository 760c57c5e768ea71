"""Steps run by an operator class of a third party, named by its path; on a real Airflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.airflow.projects import Project

pytestmark = pytest.mark.airflow

# Runs a command of text with an environment of its own, and returns what must not become the task's XCom.
OPERATOR = """
    import os
    import subprocess
    import sys

    from airflow.sdk import BaseOperator


    class ShellOperator(BaseOperator):
        template_fields = ("greeting",)

        def __init__(self, *, script: str, machine: str, variables: dict[str, str] | None = None,
                     greeting: str = "", **kwargs):
            super().__init__(**kwargs)
            self.script, self.machine, self.variables, self.greeting = script, machine, variables, greeting

        def execute(self, context):
            print("on", self.machine, "says", self.greeting)
            path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
            environment = {**os.environ, "PATH": path, **(self.variables or {})}
            subprocess.run(self.script, shell=True, check=True, env=environment)
            return "the operator's own result"
"""
TOML = """
    [orchestrators.airflow]
    operator = "shell"

    [orchestrators.airflow.operators.shell]
    path = "acme_operators.ShellOperator"
    image = "machine"
    command = "script"
    environment = "variables"
    args = {greeting = "hello from {{ dag.dag_id }}"}
"""
STEPS = """
    import os
    from datetime import timedelta

    from notes import count, note

    from airflow_provider_pipes import DockerSettings, FailWithoutRetry, pipeline, step

    WORDS = {"WORD": "$(HOME) {{ ds }}"}
    SETTINGS = DockerSettings(skip_build=True, image="acme/machine:1", environment=WORDS)


    @step
    def load() -> list[int]:
        note("load", os.getpid(), os.environ["WORD"])
        return [1, 2]


    @step(settings={"orchestrator.airflow": {"operator": "python"}})
    def total(rows: list[int]) -> int:
        note("total", os.getpid(), sum(rows))
        return sum(rows)


    @pipeline(docker=SETTINGS)
    def shells() -> None:
        total(load())


    @step(retries=2, retry_delay=timedelta(seconds=0.1))
    def refuses() -> None:
        note("refuses")
        raise FailWithoutRetry("not today")


    @step(retries=1, retry_delay=timedelta(seconds=0.1))
    def flaky() -> int:
        note("flaky")
        if count("flaky") < 2:
            raise ValueError("the first time")
        return 1


    @pipeline(docker=SETTINGS)
    def failing() -> None:
        refuses()
        flaky()
"""


@pytest.fixture
def project(airflow_home: AirflowHome, tmp_path: Path) -> Project:
    made = Project(
        tmp_path / "project", airflow_home.with_environment({"PYTHONPATH": str(tmp_path / "acme")})
    )
    (tmp_path / "acme").mkdir()
    made.write("pipes.toml", TOML)
    made.write("../acme/acme_operators.py", OPERATOR)
    made.write("steps.py", STEPS)
    return made


def test_a_class_of_somebody_else_s_runs_steps_and_their_results_flow(project: Project) -> None:
    project.deploy("steps.py:shells")
    home = project.home
    text = (home.dags_folder / "shells.py").read_text()
    assert "from acme_operators import ShellOperator\n" in text

    first, again = home.run_dags([DagRunRequest("shells"), DagRunRequest("shells")])

    assert (first.state, again.state) == ("success", "success"), first.log
    ((worker, word),) = project.noted("load")
    ((_, result),) = project.noted("total")
    assert (word, result) == ("$(HOME) {{ ds }}", 3)
    assert worker != project.noted("total")[0][0]
    assert "on acme/machine:1 says hello from shells" in first.log
    load = first.tasks["load"]
    assert load.xcoms["return_value"]["output"]["uri"]
    assert "the operator's own result" not in str(load.xcoms)


def test_how_a_step_ends_is_how_its_task_ends(project: Project) -> None:
    project.deploy("steps.py:failing")

    (run,) = project.home.run_dags([DagRunRequest("failing")])

    assert run.tasks["refuses"].state == "failed"
    assert len(project.noted("refuses")) == 1
    assert run.tasks["flaky"].state == "success"
    assert len(project.noted("flaky")) == 2
