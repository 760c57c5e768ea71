from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.payloads import load_artifact
from airflow_provider_pipes.entrypoints import entrypoint
from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.history import History
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.step_operators.base import BaseStepOperator
from tests.project import UserProject

STEP_OPERATOR_CONFIGURATION = str(BaseStepOperator.entrypoint_config_class)
TEXT = """
    @step
    def first(n: int) -> int:
        return n

    @step
    def second(n: int) -> int:
        {work}

    @pipeline
    def p(n: int = 3):
        second(first(n))
"""


class StartedRun:
    """A run whose record, deployment and code are in the store, and whose steps nobody runs yet."""

    def __init__(self, project: UserProject, work: str = "return n + 1", text: str = TEXT) -> None:
        self.project = project
        compiled = project.pipeline(text.format(work=work)).compile()
        project.stored(compiled)
        self.storage = project.storage
        self.plan = DeploymentPlan.from_document(compiled.deployment.document, compiled.deployment.id)
        self.record = runs.new_record("p", "a run/é", compiled.deployment.id, "local", {"n": 3})
        runs.start_local_run(self.storage, self.record)
        project.forget_modules()
        (project.root / "pipeline.py").unlink()  # what runs is the snapshot

    def launch(self, step: str) -> StepLaunch:
        return StepLaunch(
            self.storage, self.plan.step(step), self.record.run_name, runs.local_token(self.record, step)
        )

    def result(self, step: str) -> Manifest:
        found = self.launch(step).finished()
        assert found is not None
        return found

    def value(self, step: str) -> Any:
        return load_artifact(self.storage, self.result(step).references()["output"])

    def arguments(
        self, step: str, configuration: type[StepEntrypointConfiguration], **values: str
    ) -> list[str]:
        return configuration.get_entrypoint_arguments(
            step_name=step,
            store=self.storage.uri,
            pipeline_name="p",
            **{"run_name": self.record.run_name, **values},
        )

    def run(self, step: str) -> subprocess.CompletedProcess[str]:
        command = StepEntrypointConfiguration.get_entrypoint_command()[1:]
        return self.project.python(*command, *self.arguments(step, StepEntrypointConfiguration))


@pytest.fixture
def started(project: UserProject) -> StartedRun:
    return StartedRun(project)


def last_line(process: subprocess.CompletedProcess[str]) -> str:
    return process.stderr.splitlines()[-1]


def test_a_process_for_each_step_runs_a_pipeline(started: StartedRun) -> None:
    for step in ("first", "second"):
        done = started.run(step)
        assert (done.returncode, done.stderr) == (0, "")
    assert (started.value("first"), started.value("second")) == (3, 4)


def test_a_step_whose_result_is_there_is_not_run_again(started: StartedRun) -> None:
    started.run("first")
    before = started.result("first")
    assert started.run("first").returncode == 0
    assert started.result("first") == before


def test_a_step_before_its_upstream_is_told(started: StartedRun) -> None:
    done = started.run("second")
    assert done.returncode == 1
    assert last_line(done) == "step 'second' needs step 'first', which has no result in run 'a run/é' yet"


def test_a_step_after_a_skipped_one_is_skipped(project: UserProject) -> None:
    text = TEXT.replace("return n\n", "raise SkipStep('no news')\n", 1).replace(
        "second(first(n))", "third(second(first(n)))"
    )
    text = text.replace(
        "    @pipeline", "    @step\n    def third(n: int) -> int:\n        return n\n\n    @pipeline"
    )
    started = StartedRun(project, text=text)
    codes = [(done.returncode, last_line(done)) for done in map(started.run, ("first", "second", "third"))]
    assert codes == [
        (99, "the step asked to be skipped: no news"),
        (99, "skipped, since step 'first' was skipped"),
        (99, "skipped, since step 'second' was skipped"),
    ]
    history = History(project.storage).run(started.record.run_name)
    assert [(step.state, step.why) for step in history.steps] == [
        ("skipped", "no news"),
        ("skipped", "step 'first' before it was skipped"),
        ("skipped", "step 'second' before it was skipped"),
    ]


def test_a_command_may_say_that_the_cache_is_not_asked(started: StartedRun) -> None:
    assert started.run("first").returncode == 0
    other = runs.new_record("p", "other", started.plan.id, "local", {"n": 3})
    runs.start_local_run(started.storage, other)
    command = StepEntrypointConfiguration.get_entrypoint_command()[1:]
    arguments = started.arguments("first", StepEntrypointConfiguration, run_name="other", no_cache="true")
    assert started.project.python(*command, *arguments).returncode == 0
    launch = StepLaunch(
        started.storage, started.plan.step("first"), "other", runs.local_token(other, "first")
    )
    done = launch.finished()
    assert done is not None
    assert done.cached_from is None


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("raise ValueError('two\\nlines')", 1, "the step raised ValueError: two lines"),
        ("raise SkipStep('no news')", 99, "the step asked to be skipped: no news"),
        ("raise SkipStep", 99, "the step asked to be skipped:"),
        ("raise FailWithoutRetry('bad data')", 98, "the step failed and asked for no retry: bad data"),
        (
            "import sys; sys.exit(0)",
            1,
            "step 'second' called sys.exit(0); return from the function, or raise an",
        ),
        ("raise BaseException('odd')", 1, "the step raised BaseException: odd"),
        ("import nowhere", 1, "the step raised ModuleNotFoundError: No module named 'nowhere'"),
        ("raise KeyError('\\ud800')", 1, "the step raised KeyError: '\\ud800'"),
        (
            "raise ExceptionGroup('some', [ValueError(1)])",
            1,
            "the step raised ExceptionGroup: some (1 sub-exception)",
        ),
    ],
)
def test_the_exit_code_and_the_last_line_say_how_a_step_ended(
    project: UserProject, work: str, code: int, said: str
) -> None:
    started = StartedRun(project, work)
    started.run("first")
    done = started.run("second")
    assert done.returncode == code
    assert last_line(done).startswith(said)
    assert started.launch("second").finished() is None


def test_the_traceback_has_the_users_frames_only(project: UserProject) -> None:
    started = StartedRun(project, "raise ValueError('no')")
    started.run("first")
    stderr = started.run("second").stderr
    assert "in second" in stderr
    assert "airflow_provider_pipes" not in stderr


def test_code_that_does_not_import_is_shown_with_its_traceback(project: UserProject) -> None:
    started = StartedRun(project, "return 1\n\n    if 'PIPES_TEST_BROKEN' in os.environ:\n        broken()")
    done = started.project.python(
        *StepEntrypointConfiguration.get_entrypoint_command()[1:],
        *started.arguments("first", StepEntrypointConfiguration),
        PIPES_TEST_BROKEN="1",
    )
    assert done.returncode == 1
    assert "module 'pipeline' raised NameError while it was imported" in last_line(done)
    assert "in <module>" in done.stderr


USAGE: list[tuple[list[str], str]] = [
    ([], "expected --entrypoint_config_source MODULE.CLASS among the arguments"),
    (["--entrypoint_config_source"], "expected --entrypoint_config_source MODULE.CLASS among the arguments"),
    (
        ["--entrypoint_config_source", "nowhere.Class"],
        "--entrypoint_config_source 'nowhere.Class' can't be imported",
    ),
    (["--entrypoint_config_source", ""], "can't be imported"),
    (["--entrypoint_config_source", "Class"], "can't be imported"),
    (["--entrypoint_config_source", "os.Nothing"], "can't be imported"),
    (["--entrypoint_config_source", "os.getcwd"], "is no entrypoint configuration: derive it from Base"),
    (["--entrypoint_config_source", "pathlib.Path"], "is no entrypoint configuration: derive it from Base"),
    (
        ["--entrypoint_config_source", STEP_OPERATOR_CONFIGURATION],
        "required: --execution_info_path, --step_name",
    ),
    (
        [
            "--entrypoint_config_source",
            STEP_OPERATOR_CONFIGURATION,
            "--step_name",
            "a",
            "--execution_info_path",
        ],
        "argument --execution_info_path: expected one argument",
    ),
]


@pytest.mark.parametrize(("arguments", "said"), USAGE, ids=range(len(USAGE)))
def test_arguments_that_make_no_sense_are_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as caught:
            entrypoint.main(arguments)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def run_here(arguments: list[str]) -> int:
    before = signal.getsignal(signal.SIGTERM)
    try:
        return entrypoint.main(arguments)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("address", ["/nowhere", "file:///a/b", ""])
def test_an_address_that_is_no_execution_info_is_told(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["--entrypoint_config_source", STEP_OPERATOR_CONFIGURATION]
    assert run_here([*source, "--step_name", "a", f"--execution_info_path={address}"]) == 1
    assert f"--execution_info_path: {address!r} is no address of an execution info" in capsys.readouterr().err


def test_a_store_that_does_not_answer_has_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("s3fs")
    arguments = StepEntrypointConfiguration.get_entrypoint_arguments(
        step_name="a", store="http://127.0.0.1:9/store", pipeline_name="p", run_name="r"
    )
    assert run_here(arguments) == 75
    assert "the artifact store did not answer" in capsys.readouterr().err


WAITING = """
        try:
            Path(os.environ["MARKER"]).touch()
            import time
            time.sleep(60)
        except Exception:
            pass
        finally:
            Path(os.environ["MARKER"]).write_text("cleaned up")
"""


def test_sigterm_ends_a_step_with_its_finally_blocks(project: UserProject, tmp_path: Path) -> None:
    started = StartedRun(project, WAITING.strip())
    started.run("first")
    marker = tmp_path / "marker"
    command = [sys.executable, *StepEntrypointConfiguration.get_entrypoint_command()[1:]]
    command += started.arguments("second", StepEntrypointConfiguration)
    process = subprocess.Popen(command, env={**os.environ, "MARKER": str(marker)})
    deadline = time.monotonic() + 20
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    assert process.wait(20) == 128 + signal.SIGTERM
    assert marker.read_text() == "cleaned up"
    assert started.launch("second").finished() is None
    failure = started.storage.read(f"{started.launch('second').prefix}/failure-1.json")
    assert b'"reason": "interrupted"' in failure


CUSTOM = """
    from pathlib import Path

    from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration

    class Custom(StepEntrypointConfiguration):
        @classmethod
        def get_entrypoint_options(cls):
            return super().get_entrypoint_options() | {"workflow", "dashed"}

        @classmethod
        def get_entrypoint_arguments(cls, **kwargs):
            own = ["--workflow", kwargs["workflow"], "--dashed=-1"]
            return super().get_entrypoint_arguments(**kwargs) + own

        def get_run_name(self, pipeline_name):
            assert self.entrypoint_args["dashed"] == "-1"
            return self.entrypoint_args["workflow"].replace("_", " ").replace("-", "/")

        def post_run(self, pipeline_name, step_name, execution_info=None):
            Path("post_run.txt").write_text(f"{pipeline_name} {step_name} {execution_info}")
"""


def test_a_users_own_configuration_adds_options_a_run_name_and_what_comes_after(project: UserProject) -> None:
    started = StartedRun(project)
    project.write("custom.py", CUSTOM)
    script = (
        "import json, sys, custom\n"
        "print(json.dumps(custom.Custom.get_entrypoint_arguments(step_name='first', workflow='a_run-é', "
        f"store={started.storage.uri!r}, pipeline_name='p')))"
    )
    made = project.python("-c", script)
    done = project.python(*StepEntrypointConfiguration.get_entrypoint_command()[1:], *json.loads(made.stdout))
    assert (done.returncode, done.stderr) == (0, "")
    assert started.value("first") == 3
    assert (project.root / "post_run.txt").read_text() == "p first None"


BROKEN = """
    from airflow_provider_pipes.entrypoints import StepEntrypointConfiguration

    class Unnamed(StepEntrypointConfiguration):
        def get_run_name(self, pipeline_name):
            raise KeyError("EXECUTION")

    class Unclean(StepEntrypointConfiguration):
        def post_run(self, pipeline_name, step_name):
            raise OSError("the disk is full")
"""


@pytest.mark.parametrize(
    ("name", "said", "has_result"),
    [
        ("Unnamed", "Unnamed raised KeyError in get_run_name: 'EXECUTION'", False),
        (
            "Unclean",
            "step 'first' is done, and then Unclean raised OSError in post_run: the disk is full",
            True,
        ),
    ],
)
def test_an_error_of_the_configuration_does_not_pass_for_one_of_the_step(
    project: UserProject, name: str, said: str, has_result: bool
) -> None:
    started = StartedRun(project)
    project.write("broken.py", BROKEN)
    arguments = started.arguments("first", StepEntrypointConfiguration)
    arguments[arguments.index("--entrypoint_config_source") + 1] = f"broken.{name}"
    done = project.python(*StepEntrypointConfiguration.get_entrypoint_command()[1:], *arguments)
    assert (done.returncode, last_line(done)) == (1, said)
    assert "broken.py" in done.stderr
    assert (started.launch("first").finished() is not None) == has_result


def test_what_comes_after_is_left_out_where_the_step_failed(project: UserProject) -> None:
    started = StartedRun(project)
    project.write("custom.py", CUSTOM)
    arguments = [
        "--entrypoint_config_source",
        "custom.Custom",
        "--step_name",
        "second",
        "--workflow",
        "a_run-é",
    ]
    arguments += ["--store", started.storage.uri, "--pipeline_name", "p", "--dashed=-1"]
    done = project.python(*StepEntrypointConfiguration.get_entrypoint_command()[1:], *arguments)
    assert done.returncode == 1
    assert not (project.root / "post_run.txt").exists()


def test_a_secret_in_what_a_step_raises_is_masked_wherever_it_is_told(project: UserProject) -> None:
    started = StartedRun(project, "raise ValueError(os.environ['KEY'])")
    done = started.run("first")
    assert done.returncode == 0, done.stderr
    command = StepEntrypointConfiguration.get_entrypoint_command()[1:]
    arguments = started.arguments("second", StepEntrypointConfiguration)
    secret = {"KEY": "open-sesame", "PIPES_SECRET_VARIABLES": "KEY"}
    done = project.python(*command, *arguments, **secret)
    assert done.returncode == 1
    assert "ValueError: ***" in done.stderr
    assert done.stderr.splitlines()[-1] == "the step raised ValueError: ***"
    assert "open-sesame" not in done.stdout + done.stderr
