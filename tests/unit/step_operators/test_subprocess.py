from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import StepOperatorError
from airflow_provider_pipes.models.deployment import PipelineConfig, StepRunInfo, StepSpec
from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator
from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorConfig

INFO = StepRunInfo(
    config=StepSpec(name="train", source="m:train", code_hash="0", step_operator="child"),
    pipeline=PipelineConfig(name="p", source="m:p"),
    run_name="r",
)
OPERATOR = SubprocessStepOperator(name="child", config=SubprocessStepOperatorConfig(), flavor="subprocess")


def launch(code: str) -> None:
    OPERATOR.launch(INFO, ["python", "-c", code])


def failure(code: str) -> StepOperatorError:
    with pytest.raises(StepOperatorError) as caught:
        launch(code)
    return caught.value


def test_a_child_that_succeeds_is_silent_but_for_its_output(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        launch("import sys; print('out'); print('err', file=sys.stderr); print('caf\\xe9 \\u2603')")
    assert [record.getMessage() for record in caplog.records] == ["out", "err", "café ☃"]


def test_output_arrives_while_the_child_runs(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiting = f"import os, time\nprint('ready')\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    with caplog.at_level(logging.INFO):
        thread = threading.Thread(target=launch, args=(waiting,))
        thread.start()
        deadline = time.monotonic() + 20
        while "ready" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        assert thread.is_alive()
        go.touch()
        thread.join(20)
    assert "ready" in caplog.text


def test_output_that_is_no_text_and_has_no_end_of_line_is_logged_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        launch("import sys; sys.stdout.buffer.write(b'a\\xffb\\r50%\\r100%' + b'x' * 50000)")
    messages = [record.getMessage() for record in caplog.records]
    assert messages[:2] == ["a\ufffdb", "50%"]
    assert "".join(messages[2:]) == "100%" + "x" * 50_000


def test_python_means_this_interpreter(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with caplog.at_level(logging.INFO):
        launch("import sys; print(sys.executable)")
    assert caplog.records[0].getMessage() == sys.executable


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1, "the step failed"),
        (2, "the entrypoint did not take its arguments"),
        (3, "something in the process ended it, as os._exit does"),
        (75, "the artifact store is unreachable; trying again may help"),
        (98, "the step asked to fail without retry"),
        (99, "the step asked to be skipped"),
    ],
)
def test_an_exit_code_is_passed_on_with_its_meaning(code: int, meaning: str) -> None:
    error = failure(f"import sys; print('first'); print('disk on fire'); print(); sys.exit({code})")
    assert error.job_exit_code == code
    assert str(error) == (
        f"step 'train': the child process exited with {code}: {meaning}; its last line: disk on fire"
    )


def test_a_child_that_is_killed_is_told_with_the_signal() -> None:
    error = failure("import os; os.kill(os.getpid(), 9)")
    assert error.job_exit_code == 137
    assert str(error) == "step 'train': the child process exited with 137: it was ended by SIGKILL"


def test_a_command_that_does_not_exist_is_told() -> None:
    with pytest.raises(
        StepOperatorError, match=r"step 'train': can't start \['/nowhere/python'\]: .*No such file"
    ):
        OPERATOR.launch(INFO, ["/nowhere/python"])


def test_what_a_child_leaves_running_does_not_hold_up_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_pipes.step_operators.child_process._DRAIN_SECONDS", 0.2)
    begin = time.monotonic()
    launch("import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(15)'])")
    assert time.monotonic() - begin < 10


PARENT = """
import logging, sys
from tests.unit.step_operators.test_subprocess import INFO, OPERATOR
import airflow_provider_pipes.step_operators.child_process as module
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
module.GRACE_SECONDS = float(sys.argv[2])
OPERATOR.launch(INFO, ["python", "-c", sys.argv[1]])
"""
TIDY = """
import os, time
try:
    print(os.getpid(), flush=True)
    time.sleep(60)
finally:
    print("cleaned up", flush=True)
"""
SIGTERM_AS_EXIT = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def parent(code: str, grace: float) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", PARENT, code, str(grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, -2)])
def test_a_parent_that_is_ended_ends_its_child_in_order(number: signal.Signals, expected: int) -> None:
    process, child = parent(SIGTERM_AS_EXIT + TIDY, grace=10)
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == expected
    assert "cleaned up" in output
    assert not alive(child)


def test_a_child_that_ignores_its_end_is_killed() -> None:
    process, child = parent(STUBBORN + TIDY, grace=0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert time.monotonic() - begin < 10
    assert not alive(child)


def test_a_handler_that_somebody_set_stays_in_charge() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        launch(f"import os, time; os.kill({os.getpid()}, 15); time.sleep(0.2)")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


def test_the_default_handler_is_put_back() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        launch("pass")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
