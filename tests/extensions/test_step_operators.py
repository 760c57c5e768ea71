"""Step operators written after the documents: they launch, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.extensions.installed import AcmeProject


def test_settings_of_step_and_pipeline_reach_launch(acme: AcmeProject) -> None:
    ran = json.loads(acme.done("run", "jobs.py:training", "--json").out)

    (told,) = acme.diary("launch")
    assert told["by"] == "gpu"
    assert told["namespace"] == "ml"
    assert (told["pipeline"], told["step"], told["run"]) == ("training", "train", ran["run_name"])
    assert told["resources"] == {"gpu_count": 1, "memory": "16GB"}
    assert told["pipeline_image"] == "acme/base:1"
    assert told["pipeline_requirements"] == ["pandas"]
    assert told["step_requirements"] == ["torch"]
    assert told["module"] == "airflow_provider_pipes.entrypoints.entrypoint"


def test_the_step_runs_in_the_process_that_was_launched_between_the_hooks_of_all_components(
    acme: AcmeProject,
) -> None:
    acme.done("run", "jobs.py:training")
    (launched,) = acme.diary("launch")
    lines = [line for line in acme.diary() if line.get("step") == "train" and line["what"] != "launch"]
    assert [(line["what"], line["by"]) for line in lines] == [
        ("prepare", "mine"),
        ("prepare", "gpu"),
        ("cleanup", "gpu"),
        ("cleanup", "mine"),
    ]
    (process,) = {line["pid"] for line in lines}
    assert process != launched["pid"]
    assert [line["failed"] for line in acme.diary("cleanup")] == [False] * 4
    others = {line["step"] for line in acme.diary("prepare") if line["by"] == "gpu"}
    assert others == {"train"}


@pytest.mark.parametrize(
    ("how", "code", "attempts", "told"),
    [
        ("raise", 1, 2, "step 'ends', run by step operator 'gpu', raised ValueError: bad data"),
        ("refuse", 1, 1, "step 'ends' failed: FailWithoutRetry: bad credentials"),
        ("skip", 0, 1, "skipped  no news today"),
    ],
)
def test_a_launch_that_knows_an_exit_code_only_still_tells_how_the_step_ended(
    acme: AcmeProject, how: str, code: int, attempts: int, told: str
) -> None:
    done = acme.pipes("run", "jobs.py:ending", "-p", f"how={how}")
    assert done.code == code
    assert told in done.out + done.err
    assert "CalledProcessError" not in done.out + done.err
    assert len(acme.diary("launch")) == attempts
    assert [line["failed"] for line in acme.diary("cleanup")] == [True] * 2 * attempts


def test_a_launch_that_does_not_look_at_the_exit_code_is_told_all_the_same(acme: AcmeProject) -> None:
    acme.write("careless.py", CARELESS)
    acme.done("step-operator", "flavor", "register", "careless:CarelessFlavor")
    acme.done("step-operator", "register", "careless", "--flavor", "careless")
    acme.done("stack", "update", "acme", "--add-step-operator", "careless")
    source = (acme.root / "jobs.py").read_text()
    (acme.root / "jobs.py").write_text(
        source.replace('step_operator="gpu", cache', 'step_operator="careless", cache')
    )
    done = acme.pipes("run", "jobs.py:ending", "-p", "how=raise")
    assert done.code == 1
    assert "step 'ends', run by step operator 'careless', raised ValueError: bad data" in done.err


# Whatever a document shows is here: a class with ``launch``, a flavor with a name and that class.
CARELESS = """
    import subprocess
    import sys

    from airflow_provider_pipes.step_operators import BaseStepOperator, BaseStepOperatorFlavor


    class CarelessStepOperator(BaseStepOperator):
        def launch(self, info, entrypoint_command):
            subprocess.run([sys.executable] + entrypoint_command[1:])


    class CarelessFlavor(BaseStepOperatorFlavor):
        @property
        def name(self):
            return "careless"

        @property
        def implementation_class(self):
            return CarelessStepOperator
"""


def test_a_step_operator_may_bring_an_entrypoint_of_its_own(project: AcmeProject) -> None:
    diary = ["--diary", str(project.diary_file)]
    project.done("step-operator", "register", "gpu", "--flavor", "acme_nightly", *diary)
    project.done("stack", "register", "acme", "-o", "local", "-a", "local", "-s", "gpu", "--set")
    project.done("run", "jobs.py:training")
    (end,) = project.diary("nightly post_run")
    (prepared,) = project.diary("prepare")
    assert (end["pipeline"], end["step"]) == ("training", "train")
    assert end["pid"] == prepared["pid"]


def test_such_an_entrypoint_may_be_in_the_project_itself(project: AcmeProject) -> None:
    project.write("own.py", OWN)
    project.done("step-operator", "flavor", "register", "own:OwnFlavor")
    project.done("step-operator", "register", "gpu", "--flavor", "own")
    project.done("stack", "register", "own", "-o", "local", "-a", "local", "-s", "gpu", "--set")
    assert "post_run of train on tier 3" in project.done("run", "jobs.py:training").out


OWN = """
    import subprocess
    import sys

    from airflow_provider_pipes.entrypoints import StepOperatorEntrypointConfiguration
    from airflow_provider_pipes.step_operators import BaseStepOperator, BaseStepOperatorFlavor


    class OwnEntrypoint(StepOperatorEntrypointConfiguration):
        @classmethod
        def get_entrypoint_options(cls):
            return super().get_entrypoint_options() | {"tier"}

        @classmethod
        def get_entrypoint_arguments(cls, **kwargs):
            return super().get_entrypoint_arguments(**kwargs) + ["--tier", "3"]

        def post_run(self, pipeline_name, step_name):
            print("post_run of", step_name, "on tier", self.entrypoint_args["tier"])


    class OwnStepOperator(BaseStepOperator):
        entrypoint_config_class = "own.OwnEntrypoint"

        def launch(self, info, entrypoint_command):
            subprocess.run([sys.executable, *entrypoint_command[1:]], check=True)


    class OwnFlavor(BaseStepOperatorFlavor):
        @property
        def name(self):
            return "own"

        @property
        def implementation_class(self):
            return OwnStepOperator
"""


def test_a_step_operator_that_the_stack_has_not_is_told_before_anything_runs(gpu: AcmeProject) -> None:
    gpu.done("stack", "register", "bare", "-o", "local", "-a", "local", "--set")
    for command in ("run", "deploy"):
        refused = gpu.pipes(command, "jobs.py:training")
        assert refused.code == 5
        assert "step 'train': No step operator specified for active stack 'bare'" in refused.err
    gpu.done("step-operator", "register", "tpu", "--flavor", "acme_nightly", "--diary", "d")
    gpu.done("step-operator", "register", "cpu", "--flavor", "subprocess")
    gpu.done("stack", "update", "bare", "-s", "tpu", "-s", "cpu")
    for command in ("run", "deploy"):
        refused = gpu.pipes(command, "jobs.py:training")
        assert refused.code == 5
        assert "No step operator named 'gpu' in active stack 'bare'; it has: 'tpu', 'cpu'" in refused.err
    assert gpu.diary() == []
