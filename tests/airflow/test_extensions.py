"""Step operators and hooks of a separate package on Airflow: in the worker, as the documents write them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.extensions.installed import install_acme

pytestmark = pytest.mark.airflow

JOBS = """
    from notes import count, note

    from airflow_provider_pipes import DockerSettings, ResourceSettings, SkipStep, get_step_context
    from airflow_provider_pipes import pipeline, step


    @step(cache=False)
    def load(size: int) -> list[int]:
        note("load", get_step_context().run_name)
        return list(range(size))


    @step(
        step_operator="gpu",
        resources=ResourceSettings(gpu_count=1),
        docker=DockerSettings(requirements=["torch"]),
        cache=False,
    )
    def train(numbers: list[int]) -> int:
        note("train", get_step_context().run_name)
        return sum(numbers)


    @step(cache=False)
    def report(total: int) -> None:
        note("report", total)


    @pipeline(docker=DockerSettings(parent_image="acme/base:1"))
    def extended(size: int = 4) -> None:
        report(train(load(size)))


    @step(step_operator="gpu", cache=False)
    def stumbles(how: str) -> str:
        note("stumbles")
        if how == "skip":
            raise SkipStep("no news today")
        raise ValueError("bad data")


    @step(cache=False)
    def never(text: str) -> None:
        note("never")


    @pipeline
    def stumbling(how: str = "raise") -> None:
        never(stumbles(how))
"""
# In the project itself: only what the documents show.
OWN = """
    import subprocess
    import sys

    from notes import note

    from airflow_provider_pipes.step_operators import (
        BaseStepOperator,
        BaseStepOperatorConfig,
        BaseStepOperatorFlavor,
    )


    class OwnConfig(BaseStepOperatorConfig):
        namespace: str = "default"


    class OwnStepOperator(BaseStepOperator):
        def launch(self, info, entrypoint_command):
            note("launch", info.config.name, info.run_name, self.config.namespace)
            subprocess.run([sys.executable, *entrypoint_command[1:]], check=True)


    class OwnFlavor(BaseStepOperatorFlavor):
        @property
        def name(self):
            return "own"

        @property
        def config_class(self):
            return OwnConfig

        @property
        def implementation_class(self):
            return OwnStepOperator
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_acme(tmp_path_factory.mktemp("acme"))


@pytest.fixture
def project(
    airflow_home: AirflowHome, tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project in an environment, its worker's too, that has acme-pipes."""
    monkeypatch.setenv("PYTHONPATH", str(site))
    made = Project(tmp_path / "project", airflow_home)
    made.write("jobs.py", JOBS)
    return made


def pipes(project: Project, *arguments: str) -> None:
    command = [sys.executable, "-m", "airflow_provider_pipes.cli.main", *arguments]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def use(project: Project, flavor: str, *fields: str) -> None:
    """Register a step operator "gpu" and a stack that runs on Airflow with it."""
    pipes(project, "step-operator", "register", "gpu", "--flavor", flavor, *fields)
    pipes(project, "stack", "register", "team", "-o", "airflow", "-a", "local", "-s", "gpu", "--set")


@pytest.fixture
def acme(project: Project, tmp_path: Path) -> Path:
    """The diary of a registered step operator of acme-pipes."""
    diary = tmp_path / "diary.jsonl"
    pipes(project, "step-operator", "flavor", "register", "acme_pipes.flavors.WorkerStepOperatorFlavor")
    use(project, "acme_worker", "--diary", str(diary), "--namespace", "science", "--base_image", "old:1")
    return diary


def lines(diary: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in diary.read_text().splitlines()]


def test_a_step_operator_that_only_launches_runs_its_step_from_the_worker(
    airflow_home: AirflowHome, project: Project, acme: Path
) -> None:
    project.deploy("jobs.py:extended")
    assert "acme" not in (airflow_home.dags_folder / "extended.py").read_text()

    run = airflow_home.dags_test("extended", {"size": 5}).check()

    assert project.notes() == [["load", run.run_id], ["train", run.run_id], ["report", 10]]
    launched, prepared, cleaned = lines(acme)
    assert (launched["what"], launched["by"], launched["namespace"]) == ("launch", "gpu", "science")
    assert (launched["pipeline"], launched["step"], launched["run"]) == ("extended", "train", run.run_id)
    assert launched["resources"] == {"gpu_count": 1}
    assert launched["pipeline_image"] == "acme/base:1"
    assert launched["step_requirements"] == ["torch"]
    assert (prepared["what"], prepared["step"]) == ("prepare", "train")
    assert (cleaned["what"], cleaned["failed"]) == ("cleanup", False)
    assert prepared["pid"] == cleaned["pid"] != launched["pid"]
    assert run.xcom("train")["output"]["type"] == "int"


@pytest.mark.parametrize(
    ("how", "states", "told"),
    [
        (
            "raise",
            {"stumbles": "failed", "never": "upstream_failed"},
            "step 'stumbles', run by step operator 'gpu', raised ValueError: bad data",
        ),
        ("skip", {"stumbles": "skipped", "never": "skipped"}, "no news today"),
    ],
)
def test_how_the_step_ended_in_its_job_is_how_the_task_ends(
    airflow_home: AirflowHome, project: Project, acme: Path, how: str, states: dict[str, str], told: str
) -> None:
    project.deploy("jobs.py:stumbling")
    run = airflow_home.dags_test("stumbling", {"how": how})
    assert run.states == states
    assert told in run.log
    assert project.notes() == [["stumbles"]]
    assert [(line["what"], line.get("failed")) for line in lines(acme)] == [
        ("launch", None),
        ("prepare", None),
        ("cleanup", True),
    ]


def test_a_step_operator_in_the_project_itself_travels_with_its_code(
    airflow_home: AirflowHome, project: Project
) -> None:
    project.write("operators.py", OWN)
    pipes(project, "step-operator", "flavor", "register", "operators:OwnFlavor")
    use(project, "own", "--namespace", "science")
    project.deploy("jobs.py:extended")
    (project.root / "operators.py").write_text("raise RuntimeError('the project is not read on a worker')")

    run = airflow_home.dags_test("extended").check()

    assert project.noted("launch") == [["train", run.run_id, "science"]]
    assert project.noted("report") == [[6]]


def test_what_the_worker_has_not_installed_is_told_in_the_task(
    airflow_home: AirflowHome, project: Project, acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.deploy("jobs.py:extended")
    monkeypatch.delenv("PYTHONPATH")
    run = airflow_home.dags_test("extended")
    assert run.states == {"load": "success", "train": "failed", "report": "upstream_failed"}
    assert "step operator 'gpu' can't be built here" in run.log
    assert "there is no module 'acme_pipes' here" in run.log
