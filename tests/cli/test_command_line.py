"""What is the same for all commands: how the command line is read, and how a command ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Project
from tests.cli.registering import pipes_here


@pytest.mark.parametrize(
    "words",
    [
        ("init", ""),
        ("init", "new", "--name", ""),
        ("deploy", ""),
        ("deploy", "numbers_.py", "--dags-folder", ""),
        ("deploy", "numbers_.py", "--stack="),
        ("run", "numbers_.py", "--run-name", ""),
        ("run", "numbers_.py", "--resume", ""),
        ("graph", "numbers_.py", "-o", ""),
        ("up", "--home", ""),
        ("doctor", "--home", ""),
        ("stack", "set", ""),
    ],
)
def test_no_value_is_empty(numbers: Project, words: tuple[str, ...]) -> None:
    before = numbers.tree()
    done = pipes_here(numbers, *words)
    assert (done.code, done.out) == (2, "")
    assert "it is empty" in done.err
    assert numbers.tree() == before


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("init", "pipes init [OPTIONS] [FOLDER]"),
        ("deploy", "pipes deploy [OPTIONS] TARGET..."),
        ("undeploy", "pipes undeploy [OPTIONS] TARGET|DAG_ID..."),
        ("run", "pipes run [OPTIONS] TARGET"),
        ("runs list", "pipes runs list [OPTIONS] [TARGET]"),
        ("stack copy", "pipes stack copy [OPTIONS] SRC DST"),
        ("artifact-store update", "pipes artifact-store update [OPTIONS] NAME [--FIELD VALUE...]"),
    ],
)
def test_usage_is_as_everywhere_and_a_flag_has_no_value(numbers: Project, command: str, usage: str) -> None:
    done = pipes_here(numbers, *command.split(), "--help")
    assert done.code == 0
    assert f"Usage: {usage} " in done.out or f"Usage: {usage}\n" in done.out
    assert "<bool>" not in done.out


@pytest.mark.parametrize(("seconds", "shown"), [("-1", "-1"), ("0", "0"), ("nan", "nan"), ("-inf", "-inf")])
def test_a_time_that_is_none_is_refused(numbers: Project, seconds: str, shown: str) -> None:
    before = numbers.tree()
    done = pipes_here(numbers, "up", "--timeout", seconds)
    assert done.code == 2
    assert f"{shown} is no time to wait" in done.err
    assert numbers.tree() == before


def test_up_on_a_port_that_is_taken_makes_nothing(numbers: Project) -> None:
    before = numbers.tree()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = pipes_here(numbers, "up", "--port", port, "--dags-folder", "brandnew")
    assert done.code == 15
    assert f"port {port} is in use" in done.err
    assert numbers.tree() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("words", [("stack", "list"), ("stack", "list", "--json"), ("--version",)])
def test_output_that_can_not_be_written_is_told(numbers: Project, words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            numbers.command(*words),
            cwd=numbers.root,
            env=numbers.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 74
    assert done.stderr == (
        "error: cannot write the output: no space left on device; send it to another place\n"
    )


def test_an_interrupt_among_the_imports_is_told(numbers: Project) -> None:
    # typer is what takes most of the time; this one takes for ever.
    numbers.write("slow/typer.py", "import time\n\nprint('importing', flush=True)\ntime.sleep(60)\n")
    code = "import sys; from airflow_provider_pipes.cli.main import main; sys.exit(main(['status']))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=numbers.root,
        env=numbers.environment({"PYTHONPATH": os.pathsep.join([str(numbers.root / "slow"), os.getcwd()])}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout
        assert command.stderr
        assert command.stdout.readline() == "importing\n"
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=20) == 130
        assert command.stderr.read() == "interrupted\n"


def test_an_interrupted_start_says_that_it_was_stopped(numbers: Project) -> None:
    numbers.write("stand-in/airflow/__init__.py", "")
    numbers.write("stand-in/airflow/__main__.py", "import time\n\ntime.sleep(60)\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    path = os.pathsep.join([str(numbers.root / "stand-in"), os.getcwd()])
    with subprocess.Popen(
        numbers.command("up", "--port", port),
        cwd=numbers.root,
        env=numbers.environment({"PYTHONPATH": path}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stderr
        assert command.stderr.readline().startswith("Starting Airflow in ")
        record = numbers.root / ".pipes/airflow/pipes-airflow.json"
        deadline = time.monotonic() + 20
        while not record.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=30) == 130
        assert command.stderr.read() == (
            "Stopping what was started\ninterrupted; what was started was stopped again\n"
        )
    assert not record.exists()
