from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.payloads import load_artifact
from airflow_provider_pipes.entrypoints.entrypoint import Terminated
from airflow_provider_pipes.errors import (
    ArtifactError,
    FailWithoutRetry,
    IntegrityError,
    RunError,
    SkipStep,
    StepFailedError,
)
from airflow_provider_pipes.models.documents import Failure, Manifest
from airflow_provider_pipes.orchestrators.execution import entrypoint_command
from airflow_provider_pipes.runtime.failures import failure_reason
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.runner import read_execution_info, run_step
from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator
from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorConfig
from tests.project import UserProject


class Prepared:
    """A step that is ready to run."""

    def __init__(self, project: UserProject, step: str, token: str = "t", **parameters: Any) -> None:
        compiled = project.compile()
        project.stored(compiled, parameters)
        self.storage = project.storage
        self.plan = DeploymentPlan.from_document(compiled.deployment.document, compiled.deployment.id)
        self.launch = StepLaunch(
            storage=self.storage, plan=self.plan.step(step), run_name="r", token=token, use_cache=False
        )
        self.launch.prepare(parameters, {})
        self.prefix = self.launch.prefix

    def run(self) -> Manifest:
        info = read_execution_info(self.storage, self.launch.execution_info_path)
        return run_step(self.storage, info, self.plan)

    def value(self, manifest: Manifest, output: str = "output") -> Any:
        return load_artifact(self.storage, manifest.references()[output])

    def failure(self, number: int = 1) -> Failure:
        return Failure.from_json(self.storage.read(f"{self.prefix}/failure-{number}.json"))

    def files(self) -> list[str]:
        return self.storage.list(self.prefix)

    @property
    def command(self) -> list[str]:
        operator = SubprocessStepOperator("child", SubprocessStepOperatorConfig())
        return [sys.executable, *entrypoint_command(self.launch, operator)[1:]]


def ready(project: UserProject, text: str, **parameters: Any) -> Prepared:
    """Write a pipeline whose one step is ``work``."""
    names = ", ".join(parameters)
    call = f"work({', '.join(f'{name}={name}' for name in parameters)})"
    return Prepared(
        project.pipeline(f"{text}\n    @pipeline\n    def p({names}):\n        {call}\n"),
        "work",
        **parameters,
    )


def test_the_outputs_are_stored_under_their_names(project: UserProject) -> None:
    made = ready(
        project,
        """
    @step
    def work(n) -> tuple[Annotated[int, "a"], Annotated[dict, "weird/name é"]]:
        return n, {"n": n}
    """,
        n=3,
    )
    manifest = made.run()
    assert (made.value(manifest, "a"), made.value(manifest, "weird/name é")) == (3, {"n": 3})
    assert manifest.code_hash == made.plan.step("work").code_hash
    assert Manifest.from_json(made.storage.read(f"{made.prefix}/manifest.json")) == manifest


def test_a_step_is_told_who_it_is(project: UserProject) -> None:
    made = ready(
        project,
        """
    @step
    def work() -> list:
        context = get_step_context()
        context.log_metadata({"kept": [1, None]})
        (context.scratch_dir / "file").write_text("x")
        said = [context.pipeline_name, context.run_name, context.step_name, context.attempt]
        return [*said, str(context.scratch_dir)]
    """,
    )
    manifest = made.run()
    *said, scratch = made.value(manifest)
    assert said == ["p", "r", "work", 1]
    assert manifest.metadata == {"kept": [1, None]}
    assert not Path(scratch).exists()


def test_a_result_that_is_there_is_returned_and_the_step_is_not_run(project: UserProject) -> None:
    made = ready(project, "    @step\n    def work() -> int:\n        return 1\n")
    first = made.run()
    sys.modules["pipeline"].work.function = None
    assert made.run() == first


def test_an_async_step_is_awaited(project: UserProject) -> None:
    made = ready(
        project,
        """
    @step
    async def work() -> int:
        import asyncio
        await asyncio.sleep(0)
        return 5
    """,
    )
    assert made.value(made.run()) == 5


def test_a_step_that_returns_nothing_has_a_manifest_without_outputs(project: UserProject) -> None:
    made = ready(project, "    @step\n    def work() -> None:\n        return 3\n")
    assert made.run().outputs == {}


@pytest.mark.parametrize("returned", ["1", "(1,)", "(1, 2, 3)", "None", "'ab'", "{1, 2}"])
def test_a_tuple_of_another_length_fails_the_step(project: UserProject, returned: str) -> None:
    made = ready(project, f"    @step\n    def work() -> tuple[int, int]:\n        return {returned}\n")
    with pytest.raises(
        StepFailedError, match=r"step 'work' declares 2 outputs \(output_0, output_1\) and returned"
    ):
        made.run()
    assert made.launch.finished() is None


FAILING = """
    @step
    def work():
        try:
            deeper()
        finally:
            print("cleaned up")

    def deeper():
        {raising}
"""


def test_a_failure_is_kept_with_the_users_part_of_the_traceback(project: UserProject) -> None:
    made = ready(project, FAILING.format(raising="raise KeyError('\\ud800')"))
    with pytest.raises(KeyError):
        made.run()
    failure = made.failure()
    assert (failure.type, failure.message, failure.reason, failure.attempt) == (
        "KeyError",
        "'\\ud800'",
        "exception",
        1,
    )
    assert re.findall(r"in (\w+)", failure.traceback) == ["work", "deeper"]
    assert "manifest.json" not in made.files()


@pytest.mark.parametrize(
    ("raising", "kind", "reason"),
    [
        ("raise SkipStep('no news')", SkipStep, "skipped"),
        ("raise FailWithoutRetry('bad data')", FailWithoutRetry, "refused"),
        ("raise MemoryError", MemoryError, "memory"),
        ("raise KeyboardInterrupt", KeyboardInterrupt, "interrupted"),
        ("raise RecursionError", RecursionError, "exception"),
        ("deeper()", RecursionError, "exception"),
        ("raise ExceptionGroup('two', [ValueError(1), TypeError(2)])", ExceptionGroup, "exception"),
    ],
)
def test_a_failure_says_why_the_step_ended(
    project: UserProject, raising: str, kind: type[BaseException], reason: str
) -> None:
    made = ready(project, FAILING.format(raising=raising))
    with pytest.raises(kind):
        made.run()
    assert made.failure().reason == reason
    assert made.launch.finished() is None


def test_an_exception_whose_own_text_fails_is_kept_too(project: UserProject) -> None:
    made = ready(
        project,
        """
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    @step
    def work():
        raise Odd
    """,
    )
    with pytest.raises(sys.modules["pipeline"].Odd):
        made.run()
    assert made.failure().message == "<Odd whose text can't be shown>"


@pytest.mark.parametrize("code", ["", "0", "1", "'text'"])
def test_a_step_that_calls_exit_fails_like_any_other(project: UserProject, code: str) -> None:
    made = ready(project, FAILING.format(raising=f"import sys; sys.exit({code})"))
    with pytest.raises(StepFailedError, match=r"step 'work' called sys.exit\(.*\); return from the function"):
        made.run()
    assert "manifest.json" not in made.files()


def test_the_exit_of_a_signal_is_let_through(project: UserProject) -> None:
    made = ready(project, "    from airflow_provider_pipes.entrypoints.entrypoint import Terminated\n"
        "    @step\n    def work():\n        raise Terminated(143)\n")  # fmt: skip
    with pytest.raises(Terminated):
        made.run()
    assert made.failure().reason == "interrupted"


def test_a_coroutine_that_is_cancelled_is_a_failed_step(project: UserProject) -> None:
    made = ready(
        project,
        "    import asyncio\n    @step\n    async def work():\n        raise asyncio.CancelledError\n",
    )
    with pytest.raises(StepFailedError, match="step 'work': its coroutine was cancelled"):
        made.run()


def test_each_failed_attempt_leaves_a_document_of_its_own(project: UserProject) -> None:
    made = ready(project, FAILING.format(raising="raise ValueError('no')"))
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^no$"):
            made.run()
    assert [name for name in made.files() if name.startswith("failure")] == [
        "failure-1.json", "failure-2.json", "failure-3.json",
    ]  # fmt: skip


def test_a_value_that_can_not_be_stored_fails_the_step_with_the_outputs_name(project: UserProject) -> None:
    made = ready(
        project,
        """
    @step
    def work() -> tuple[int, Annotated[Any, "lock"]]:
        import threading
        return 1, threading.Lock()
    """,
    )
    with pytest.raises(ArtifactError, match="step 'work', output 'lock': "):
        made.run()
    assert made.launch.finished() is None


def test_an_input_that_was_damaged_is_never_given_to_the_step(project: UserProject) -> None:
    made = ready(project, "    @step\n    def work() -> int:\n        return 1\n")
    reference = made.run().references()["output"]
    (file,) = [name for name in made.storage.list(reference.path)]  # noqa: C416
    made.storage.write(f"{reference.path}/{file}", b"2")
    with pytest.raises(IntegrityError, match="is not what was stored"):
        load_artifact(made.storage, reference)


def test_a_step_that_the_deployment_does_not_have_is_told(project: UserProject) -> None:
    made = ready(project, "    @step\n    def work() -> int:\n        return 1\n")
    info = read_execution_info(made.storage, made.launch.execution_info_path)
    with pytest.raises(RunError, match="has no step 'ghost'; it has: work"):
        run_step(made.storage, dataclasses.replace(info, step="ghost"), made.plan)


def test_every_reason_is_one_word() -> None:
    errors = [SkipStep(), FailWithoutRetry(), MemoryError(), ValueError(), KeyboardInterrupt(), Terminated()]
    assert [failure_reason(error) for error in errors] == [
        "skipped", "refused", "memory", "exception", "interrupted", "interrupted",
    ]  # fmt: skip


SLOW_WRITER = """
    from airflow_provider_pipes.artifacts.materializers.base import Materializer

    class Halting(Materializer):
        'Writes half of the value and waits to be killed, once.'

        name = "halting"

        def can_save(self, value):
            return True

        def save(self, value, directory):
            (directory / "first").write_text(value[: len(value) // 2])
            marker = Path(os.environ["MARKER"])
            if not marker.exists():
                marker.write_text("half way")
                import time
                time.sleep(60)
            (directory / "second").write_text(value[len(value) // 2 :])

        def load(self, directory, expected):
            return (directory / "first").read_text() + (directory / "second").read_text()

    @step(materializers={"output": Halting})
    def work() -> str:
        return "whole text"
"""


def test_a_step_that_is_killed_half_way_through_writing_leaves_no_result_and_can_run_again(
    project: UserProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ready(project, SLOW_WRITER)
    marker = tmp_path / "marker"
    environment = {**os.environ, "MARKER": str(marker)}
    process = subprocess.Popen(made.command, env=environment)
    try:
        deadline = time.monotonic() + 20
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert marker.exists()
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert made.launch.finished() is None
    assert not [name for name in made.files() if name.endswith(".json") and "execution" not in name]
    again = subprocess.run(made.command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    manifest = made.launch.finished()
    assert manifest is not None
    monkeypatch.setenv("MARKER", str(marker))
    assert made.value(manifest) == "whole text"


TOGETHER = """
    @step
    def work() -> int:
        import time
        folder = Path(os.environ["MEETING"])
        (folder / str(os.getpid())).touch()
        deadline = time.monotonic() + 20
        while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        return os.getpid()
"""


def test_of_two_processes_with_one_token_both_succeed_and_one_result_counts(
    project: UserProject, tmp_path: Path
) -> None:
    made = ready(project, TOGETHER)
    (tmp_path / "meeting").mkdir()
    environment = {**os.environ, "MEETING": str(tmp_path / "meeting")}
    processes = [subprocess.Popen(made.command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(list((tmp_path / "meeting").iterdir())) == 2
    assert [name for name in made.files() if name.startswith(("manifest", "failure"))] == ["manifest.json"]
    manifest = made.launch.finished()
    assert manifest is not None
    assert made.value(manifest) in {process.pid for process in processes}


def test_two_snapshots_with_modules_of_equal_names_each_run_their_own_code(
    project: UserProject, tmp_path: Path
) -> None:
    from airflow_provider_pipes.runtime.code import activate_code

    text = """
    from helper import value

    @step
    def work() -> int:
        import lazily
        return value + lazily.more
    """
    prepared = []
    for number in (1, 2):
        other = UserProject(tmp_path / f"copy-{number}" / "app")
        other.write("helper.py", f"value = {number}\n")
        other.write("lazily.py", f"more = {number * 10}\n")
        prepared.append(ready(other, text))
        other.forget_modules()
    for made, expected in [*zip(prepared, (11, 22), strict=True), (prepared[0], 11)]:
        activate_code(made.storage, made.plan)
        made.storage.remove(f"{made.prefix}/manifest.json")
        assert made.value(made.run()) == expected
