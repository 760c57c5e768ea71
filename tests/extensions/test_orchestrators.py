"""Orchestrators written after the documents: direct execution, and an intermediate representation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.extensions.installed import AcmeProject

# The three classes of documents 000 and 002 in a module of the project itself, and nothing else.
MINIMAL = """
    from airflow_provider_pipes.orchestrators import BaseOrchestrator, BaseOrchestratorFlavor


    class CustomOrchestrator(BaseOrchestrator):
        def prepare_or_run_pipeline(self, deployment, stack):
            for step in deployment.steps.values():
                self.run_step(step)


    class CustomOrchestratorFlavor(BaseOrchestratorFlavor):
        @property
        def name(self):
            return "custom"

        @property
        def implementation_class(self):
            return CustomOrchestrator
"""


def test_a_direct_orchestrator_runs_a_pipeline(acme: AcmeProject) -> None:
    ran = json.loads(acme.done("run", "jobs.py:training", "--json").out)

    assert [step["state"] for step in ran["steps"]] == ["success"] * 3
    assert ran["steps"][2]["outputs"]["output"]["preview"] == "total 6"
    (before,) = acme.diary("pre_run")
    assert before["pipeline"] == "training"
    assert before["file"] == str(acme.root / "jobs.py")
    assert [line["what"] for line in acme.diary()].count("post_run") == 1
    assert acme.diary()[-1]["what"] == "post_run"
    # One process for all but what a step operator runs.
    here = {line["pid"] for line in acme.diary("prepare") if line["step"] != "train"}
    assert here == {before["pid"]}


def test_resources_are_wanted_in_the_orchestrators_environment_unless_a_step_operator_gives_them(
    acme: AcmeProject,
) -> None:
    ran = acme.done("run", "jobs.py:training")
    # It looks at them, and does not say that it sees to them.
    assert "step 'report': its resources are not enforced where it runs" in ran.err
    (wanted,) = acme.diary("resources")
    assert (wanted["step"], wanted["memory"], wanted["stack"]) == ("report", "1GB", "acme")


def test_a_component_cleans_up_after_a_step_that_failed_here(acme: AcmeProject) -> None:
    acme.write("hello.py", HELLO.replace('return "hello"', 'raise ValueError("no voice")'))
    assert acme.pipes("run", "hello.py").code == 1
    hooks = [(line["what"], line.get("failed")) for line in acme.diary() if line.get("step") == "greet"]
    assert hooks == [("prepare", None), ("cleanup", True)]
    assert acme.diary()[-1]["what"] == "post_run"


def test_the_three_classes_of_the_documents_work_from_a_module_of_the_project(gpu: AcmeProject) -> None:
    gpu.write("custom.py", MINIMAL)
    gpu.done("orchestrator", "flavor", "register", "custom.CustomOrchestratorFlavor")
    gpu.done("orchestrator", "register", "own", "--flavor", "custom")
    gpu.done("stack", "register", "own", "-o", "own", "-a", "local", "-s", "gpu", "--set")

    assert "3 run" in gpu.done("run", "jobs.py:training").out
    assert "3 from the cache" in gpu.done("run", "jobs.py:training").out


@pytest.fixture
def plan(gpu: AcmeProject) -> AcmeProject:
    """A stack whose orchestrator writes plans, for `pipes deploy`."""
    gpu.done("orchestrator", "flavor", "register", "acme_pipes.flavors.PlanOrchestratorFlavor")
    gpu.done("orchestrator", "register", "p", "--flavor", "acme_plan", "--diary", str(gpu.diary_file))
    gpu.done("stack", "register", "plan", "-o", "p", "-a", "local", "-s", "gpu", "--set")
    return gpu


class AcmeSystem:
    """Plays the system that executes a plan: knows nothing but its file."""

    def __init__(self, project: AcmeProject, pipeline: str, folder: Path | None = None) -> None:
        self.project = project
        self.folder = folder or Path("/")
        self.plan = json.loads((project.root / "plans" / f"{pipeline}.json").read_text())

    def execute(self, execution: str) -> dict[str, int]:
        """Run the jobs in order, each in a process of its own and far from the project; return exit codes."""
        codes: dict[str, int] = {}
        for name, job in self.plan["jobs"].items():
            if any(codes.get(each) for each in job["after"]):
                continue
            codes[name] = self.start(job, execution).returncode
        return codes

    def start(self, job: dict[str, Any], execution: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.project.environment(), "ACME_EXECUTION": execution}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(self.project.site), os.environ.get("PYTHONPATH", "")]
        )
        command = [sys.executable, *job["command"][1:]]
        return subprocess.run(
            command, cwd=self.folder, env=environment, text=True, capture_output=True, check=False, timeout=60
        )


def test_an_intermediate_representation_is_executed_by_another_system(plan: AcmeProject) -> None:
    deployed = plan.done("deploy", "jobs.py:training")
    assert "by orchestrator 'p'" in deployed.out
    assert deployed.err == ""
    system = AcmeSystem(plan, "training")
    assert system.plan["queue"] == "day"
    assert system.plan["jobs"]["report"]["after"] == ["train"]
    assert system.plan["jobs"]["report"]["resources"] == {"memory": "1GB"}
    assert "resources" not in system.plan["jobs"]["train"]
    assert plan.diary() == []

    assert system.execute("exec-17") == {"load": 0, "train": 0, "report": 0}

    shown = json.loads(plan.done("runs", "show", "exec-17", "--json").out)
    assert shown["state"] == "success"
    assert shown["parameters"] == {"size": 4}
    ends = plan.diary("entrypoint post_run")
    assert [line["step"] for line in ends] == ["load", "train", "report"]
    assert {(line["pipeline"], line["queue"], line["run"]) for line in ends} == {
        ("training", "day", "exec-17")
    }
    assert len({line["pid"] for line in ends}) == 3
    (launched,) = plan.diary("launch")
    assert (launched["step"], launched["run"]) == ("train", "exec-17")


def test_each_execution_of_a_plan_is_a_run_of_its_own(plan: AcmeProject) -> None:
    plan.done("deploy", "jobs.py:ending")
    system = AcmeSystem(plan, "ending")
    assert system.execute("one") == {"ends": 0, "after": 0}
    assert system.execute("two") == {"ends": 0, "after": 0}
    assert len(plan.stored("runs/ending/*/run.json")) == 2
    assert len(plan.diary("launch")) == 2
    # To start a job of a finished run again does nothing but what comes after.
    assert system.execute("two") == {"ends": 0, "after": 0}
    assert len(plan.diary("launch")) == 2
    assert len(plan.diary("entrypoint post_run")) == 6


def test_a_step_that_failed_elsewhere_says_so_and_keeps_what_comes_after_from_running(
    plan: AcmeProject,
) -> None:
    source = (plan.root / "jobs.py").read_text()
    (plan.root / "jobs.py").write_text(source.replace('how: str = "well"', 'how: str = "raise"'))
    plan.done("deploy", "jobs.py:ending")
    system = AcmeSystem(plan, "ending")
    done = system.start(system.plan["jobs"]["ends"], "bad")
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1] == "step 'ends', run by step operator 'gpu', raised ValueError: bad data"
    )
    assert plan.diary("entrypoint post_run") == []
    late = system.start(system.plan["jobs"]["after"], "bad")
    assert late.returncode == 1
    assert "needs step 'ends', which has no result in run 'bad' yet" in late.stderr


def test_an_orchestrator_may_run_its_representation_at_once(gpu: AcmeProject) -> None:
    gpu.done("orchestrator", "flavor", "register", "acme_pipes.flavors.BatchOrchestratorFlavor")
    gpu.done("orchestrator", "register", "b", "--flavor", "acme_batch", "--diary", str(gpu.diary_file))
    gpu.done("stack", "register", "batch", "-o", "b", "-a", "local", "-s", "gpu", "--set")

    ran = json.loads(gpu.done("run", "jobs.py:training", "-p", "size=5", "--json").out)
    assert [step["state"] for step in ran["steps"]] == ["success"] * 3
    assert ran["steps"][2]["outputs"]["output"]["preview"] == "total 10"

    failed = gpu.pipes("run", "jobs.py:ending", "-p", "how=raise", "--run-name", "r")
    assert failed.code == 1
    assert "1 failed, 1 not run" in failed.out
    assert failed.err.endswith(
        "error: step 'ends' failed: ValueError: bad data\nfix it and continue with --resume r\n"
    )
    gpu.write("mended", "")
    resumed = gpu.done("run", "jobs.py:ending", "--resume", "r")
    assert "success" in resumed.out


def test_an_error_of_an_orchestrator_is_told_as_its_own(project: AcmeProject) -> None:
    project.write("custom.py", MINIMAL.replace("self.run_step(step)", "raise KeyError('no such cluster')"))
    project.write("hello.py", HELLO)
    project.done("orchestrator", "flavor", "register", "custom.CustomOrchestratorFlavor")
    project.done("orchestrator", "register", "own", "--flavor", "custom")
    project.done("stack", "register", "own", "-o", "own", "-a", "local", "--set")
    failed = project.pipes("run", "hello.py")
    assert failed.code == 1
    assert "custom.py" in failed.err
    assert "error: orchestrator 'own' raised KeyError: 'no such cluster'" in failed.err
    assert "bug in airflow-provider-pipes" not in failed.err


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("pre_run", "    def pre_run(self, pipeline, caller_filepath):"),
        ("post_run", "    def post_run(self):"),
    ],
)
def test_an_error_of_another_method_is_told_as_the_orchestrators_too(
    project: AcmeProject, method: str, line: str
) -> None:
    source = textwrap.dedent(MINIMAL)
    source = source.replace(
        "    def prepare_or", f"{line}\n        raise OSError('no disk')\n\n    def prepare_or"
    )
    project.write("custom.py", source)
    project.write("hello.py", HELLO)
    project.done("orchestrator", "flavor", "register", "custom.CustomOrchestratorFlavor")
    project.done("orchestrator", "register", "own", "--flavor", "custom")
    project.done("stack", "register", "own", "-o", "own", "-a", "local", "--set")
    failed = project.pipes("run", "hello.py")
    assert failed.code == 1
    assert "custom.py" in failed.err
    assert f"error: orchestrator 'own' raised OSError in {method}: no disk" in failed.err


HELLO = """
    from airflow_provider_pipes import pipeline, step


    @step
    def greet() -> str:
        return "hello"


    @pipeline
    def hello() -> None:
        greet()
"""


# An entrypoint and the orchestrator that makes its commands, in the project's own code.
OWN_ENTRYPOINT = """
    import json
    import os

    from airflow_provider_pipes.entrypoints import StepEntrypointConfiguration
    from airflow_provider_pipes.orchestrators import BaseOrchestrator, BaseOrchestratorFlavor
    from jobs import load


    class OwnEntrypoint(StepEntrypointConfiguration):
        def get_run_name(self, pipeline_name):
            return pipeline_name + "-" + os.environ["ACME_EXECUTION"]

        def post_run(self, pipeline_name, step_name, execution_info=None):
            # The very function that ran, not a second import of its module.
            assert load.function.__code__.co_filename == os.path.join(os.path.dirname(__file__), "jobs.py")
            print("post_run of", step_name, "in", os.getcwd(), execution_info)


    class OwnOrchestrator(BaseOrchestrator):
        def prepare_or_run_pipeline(self, deployment, stack):
            jobs = {}
            for step in deployment.steps.values():
                command = OwnEntrypoint.get_entrypoint_command()
                arguments = OwnEntrypoint.get_entrypoint_arguments(**self.entrypoint_values(step))
                jobs[step.name] = {"command": command + arguments, "after": list(step.upstream)}
            folder = self.submission.project_root / "plans"
            folder.mkdir(exist_ok=True)
            (folder / (deployment.pipeline.name + ".json")).write_text(json.dumps({"jobs": jobs}))


    class OwnFlavor(BaseOrchestratorFlavor):
        deploys = True

        @property
        def name(self):
            return "own"

        @property
        def implementation_class(self):
            return OwnOrchestrator
"""


@pytest.fixture
def own(gpu: AcmeProject) -> AcmeProject:
    gpu.write("own.py", OWN_ENTRYPOINT)
    gpu.done("orchestrator", "flavor", "register", "own:OwnFlavor")
    gpu.done("orchestrator", "register", "own", "--flavor", "own")
    gpu.done("stack", "register", "own", "-o", "own", "-a", "local", "-s", "gpu", "--set")
    return gpu


@pytest.mark.parametrize("in_the_project", [True, False])
def test_an_entrypoint_in_the_project_itself_travels_with_its_code(
    own: AcmeProject, in_the_project: bool
) -> None:
    own.done("deploy", "jobs.py:training")
    system = AcmeSystem(own, "training", own.root if in_the_project else None)
    done = system.start(system.plan["jobs"]["load"], "9")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"post_run of load in {own.root if in_the_project else '/'} None\n"
    assert len(own.stored("runs/training/training-9/run.json")) == 1


TWO_ROOTS = """
    import time
    from pathlib import Path

    from airflow_provider_pipes import pipeline, step


    @step(cache=False)
    def left(size: int) -> int:
        return size


    @step(cache=False)
    def right(size: int) -> int:
        return -size


    @step
    def both(one: int, other: int) -> int:
        return one + other


    @pipeline
    def roots(size: int = 3) -> None:
        both(left(size), right(size))


    @pipeline
    def demanding(size: int) -> None:
        left(size)
"""


def test_first_steps_that_start_at_once_begin_one_run(own: AcmeProject) -> None:
    own.write("roots.py", TWO_ROOTS)
    own.done("deploy", "roots.py:roots")
    system = AcmeSystem(own, "roots")
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(system.start, system.plan["jobs"][name], "1") for name in ("left", "right")]
        assert [each.result().returncode for each in first] == [0, 0]
    assert system.start(system.plan["jobs"]["both"], "1").returncode == 0
    assert len(own.stored("runs/roots/roots-1/run*.json")) == 1
    assert json.loads(own.done("runs", "show", "roots-1", "--json").out)["state"] == "success"


def test_a_pipeline_that_needs_a_parameter_is_not_handed_over(own: AcmeProject) -> None:
    own.write("roots.py", TWO_ROOTS)
    refused = own.pipes("deploy", "roots.py:demanding")
    assert refused.code == 11
    assert "can't be handed over by orchestrator 'own': size must be given with each run" in refused.err
    assert not (own.root / "plans/demanding.json").exists()
    assert own.stored("runs/demanding/*/run.json") == []
