"""Steps in another Python than the worker's: an interpreter that is named, or requirements."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.environments.environment import Environment
from airflow_provider_pipes.environments.interpreter import find_interpreter
from tests.airflow.harness import AirflowHome, wait_until
from tests.airflow.projects import Project
from tests.wheels import WheelFolder

pytestmark = pytest.mark.airflow

SECRET = "sw0rdfish-and-more"
STEPS = """
    import importlib.util
    import os
    import sys

    from notes import note

    from airflow_provider_pipes import AirflowSettings, DockerSettings, FailWithoutRetry, SkipStep
    from airflow_provider_pipes import pipeline, step

    GREETING = {{"orchestrator.airflow": AirflowSettings(requirements=("pipes-greeting<2",))}}
    NAMED = {{"orchestrator.airflow": AirflowSettings(python={python!r})}}
    SURROUNDINGS = {{"docker": DockerSettings(
        environment={{"PLAIN": "a $(B) 'c'"}}, secrets={{"HIDDEN": "environment:WORKERS_SECRET"}}
    )}}


    def tell(name: str) -> None:
        airflow = importlib.util.find_spec("airflow") is not None
        note(name, sys.prefix, airflow, os.environ.get("PYTHONPATH", "").count(os.pathsep))


    @step
    def here() -> list[int]:
        tell("here")
        return [1, 2]


    @step(settings=GREETING | SURROUNDINGS)
    def greets(numbers: list[int]) -> str:
        import pipes_greeting

        tell("greets")
        note("surroundings", os.environ["PLAIN"], len(os.environ["HIDDEN"]))
        return f"{{pipes_greeting.TEXT}} {{sum(numbers)}}"


    @step(settings=NAMED)
    def named(text: str) -> str:
        tell("named")
        return text.upper()


    @step
    def back(text: str) -> None:
        note("back", text)


    @step(settings=GREETING)
    def skips() -> int:
        raise SkipStep("no news")


    @step(settings=GREETING, retries=3)
    def refuses() -> int:
        note("refuses")
        raise FailWithoutRetry("bad data")


    @step(settings=NAMED)
    def breaks() -> int:
        raise ValueError("broken on purpose")


    @step(settings={{"orchestrator.airflow": AirflowSettings(python="/nowhere/python")}})
    def has_no_python() -> None: ...


    @pipeline
    def elsewhere() -> None:
        back(named(greets(here())))


    @pipeline
    def endings() -> None:
        skips()
        refuses()
        breaks()
        has_no_python()
"""


@pytest.fixture
def wheels(tmp_path: Path) -> WheelFolder:
    made = WheelFolder(tmp_path / "wheels")
    made.add_installed(
        "pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"
    )
    made.add_installed("cloudpickle", "fsspec")
    made.add("pipes_greeting", "1.0", "TEXT = 'hello'")
    made.add("pipes_greeting", "2.0", "TEXT = 'too new'")
    return made


@pytest.fixture
def named(tmp_path: Path, wheels: WheelFolder) -> str:
    """The interpreter of an environment that somebody made, with what the project's modules import."""
    import uv

    folder = tmp_path / "named"
    environment = {**os.environ, **wheels.variables}
    for command in (
        ["venv", str(folder), "-p", sys.executable],
        ["pip", "install", "-p", str(folder), "pydantic"],
    ):
        subprocess.run([uv.find_uv_bin(), *command], env=environment, check=True, capture_output=True)
    return str(folder / "bin" / "python")


@pytest.fixture
def project(airflow_home: AirflowHome, tmp_path: Path, wheels: WheelFolder, named: str) -> Project:
    airflow_home.settings |= {**wheels.variables, "WORKERS_SECRET": SECRET, "PYTHONPATH": str(tmp_path)}
    made = Project(tmp_path / "project", airflow_home)
    made.write("steps.py", STEPS.format(python=named))
    return made


def test_steps_run_in_the_pythons_that_they_ask_for_and_pass_artifacts_on(
    project: Project, airflow_home: AirflowHome, named: str
) -> None:
    project.deploy("steps.py:elsewhere")
    (run,) = airflow_home.run_dags(["elsewhere"])

    run.check()
    assert project.noted("back") == [["HELLO 3"]]
    (here,), (greets,), (elsewhere,) = (project.noted(name) for name in ("here", "greets", "named"))
    made = airflow_home.path / "pipes-cache" / "environments"
    assert here[:2] == [sys.prefix, True]
    assert Path(greets[0]).parent == made
    assert elsewhere[0] == str(Path(named).parents[1])
    assert greets[1:] == elsewhere[1:] == [False, 0]
    assert "Resolved 8 packages" in run.log
    assert project.noted("surroundings") == [["a $(B) 'c'", len(SECRET)]]


def test_a_second_run_finds_the_environment(project: Project, airflow_home: AirflowHome) -> None:
    project.deploy("steps.py:elsewhere")
    (first,) = airflow_home.run_dags(["elsewhere"])
    first.check()
    project.write("steps.py", (project.root / "steps.py").read_text() + "\n\nMORE = 1\n")
    project.deploy("steps.py:elsewhere")
    (second,) = airflow_home.run_dags(["elsewhere"])
    second.check()
    assert len(project.noted("greets")) == 2
    assert project.noted("greets")[0] == project.noted("greets")[1]
    assert "Making a Python" not in second.log


def test_how_a_step_asks_to_end_reaches_airflow_and_an_error_its_log(
    project: Project, airflow_home: AirflowHome
) -> None:
    project.deploy("steps.py:endings")
    (run,) = airflow_home.run_dags(["endings"])

    assert run.states == {
        "skips": "skipped",
        "refuses": "failed",
        "breaks": "failed",
        "has_no_python": "failed",
    }
    assert len(project.noted("refuses")) == 1
    assert "ValueError: broken on purpose" in run.log
    assert "in breaks" in run.log
    assert "step 'has_no_python': python='/nowhere/python' does not exist on this worker" in run.log
    reasons = {
        each["step"]: (each["type"], each["reason"]) for each in project.documents("runs/**/failure-*.json")
    }
    assert reasons == {
        "skips": ("SkipStep", "skipped"),
        "refuses": ("FailWithoutRetry", "refused"),
        "breaks": ("ValueError", "exception"),
        "has_no_python": ("PythonEnvironmentError", "exception"),
    }


WAITS = """
    import os
    import subprocess
    import time

    from notes import note

    from airflow_provider_pipes import AirflowSettings, pipeline, step


    @step(settings={{"orchestrator.airflow": AirflowSettings(python={python!r})}})
    def waits() -> None:
        child = subprocess.Popen(["sleep", "300"])
        note("started", os.getpid(), child.pid, os.getppid())
        try:
            time.sleep(300)
        finally:
            note("cleaned up")


    @pipeline
    def waiting() -> None:
        waits()
"""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_worker_ends_the_step_and_all_that_it_started(
    project: Project, airflow_home: AirflowHome, named: str, number: signal.Signals
) -> None:
    project.write("waits.py", WAITS.format(python=named))
    project.deploy("waits.py:waiting")
    command = [sys.executable, "-m", "airflow", "dags", "test", "waiting"]
    process = subprocess.Popen(
        command,
        env=airflow_home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: project.noted("started"), "the step to start", seconds=120)
        ((step, child, worker),) = project.noted("started")
        os.kill(worker, number)
        wait_until(lambda: not _alive(step) and not _alive(child), "the step's processes to end", seconds=20)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert project.noted("cleaned up") == [[]]


def test_the_environment_of_a_step_is_named_by_what_it_is_made_of(
    project: Project, airflow_home: AirflowHome
) -> None:
    project.deploy("steps.py:elsewhere")
    airflow_home.run_dags(["elsewhere"])[0].check()
    core = ["pydantic>=2.10", "cloudpickle>=3.0", "fsspec>=2024.10"]
    key = Environment.of(["pipes-greeting<2"], core, find_interpreter(None)).key
    folders = [
        each.name for each in (airflow_home.path / "pipes-cache" / "environments").iterdir() if each.is_dir()
    ]
    assert folders == [key]
