"""A step's process that sees its local artifact store otherwise than its launcher did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pipes.entrypoints.delegation import step_command
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from tests.project import UserProject
from tests.unit.entrypoints.test_entrypoint import StartedRun, last_line

MARKER = "import os; open(os.environ['MARKER'], 'a').write('ran'); return n"
# As root nothing is denied, so the step gives up being root once all that it needs is imported.
AS_NOBODY = """
import gettext, locale, os, sys
import airflow_provider_pipes.artifacts.local, airflow_provider_pipes.artifacts.storage
import airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration
import airflow_provider_pipes.runtime.sources
from airflow_provider_pipes.entrypoints.entrypoint import main
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can look into; those of pytest are closed to others."""
    made = Path(tempfile.mkdtemp(prefix="pipes-reach-"))
    made.chmod(0o755)
    yield made
    subprocess.run(["chmod", "-R", "u+rwX", str(made)], check=True)
    shutil.rmtree(made)


@pytest.fixture
def started(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartedRun]:
    monkeypatch.setenv("PIPES_CACHE_DIR", str(open_folder / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    project = UserProject(open_folder / "project")
    yield StartedRun(project, MARKER)
    project.forget_modules()


def prepared(started: StartedRun) -> list[str]:
    """Return the arguments of the command for the first step, its execution info written."""
    launch = started.launch("first")
    assert launch.prepare({"n": 3}, {}) is None
    return step_command(StepOperatorEntrypointConfiguration, launch, None)[3:]


def run(
    started: StartedRun, arguments: list[str], *python: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    marker = started.project.root.parent / "marker"
    return started.project.python(*python, *arguments, MARKER=str(marker), **variables)


def store(started: StartedRun) -> Path:
    found = started.storage.local_path("x")
    assert found is not None
    return found.parent


MODULE = ("-m", "airflow_provider_pipes.entrypoints.entrypoint")


def test_a_store_that_is_not_there_is_told_with_what_to_do(started: StartedRun) -> None:
    arguments = prepared(started)
    folder = store(started)
    folder.rename(folder.with_name("elsewhere"))
    done = run(started, arguments, *MODULE)
    assert done.returncode == 1
    assert last_line(done).startswith(
        f"the artifact store {folder} is not mounted here, so step and code can't be read: with Docker, mount"
    )
    for advice in (
        "at the same path",
        "in Kubernetes, set store_volume",
        "use a store behind a URL (s3, gcs, abfs)",
    ):
        assert advice in last_line(done)
    assert "Traceback" not in done.stderr


def test_another_folder_in_the_place_of_the_store_is_told(started: StartedRun) -> None:
    arguments = prepared(started)
    folder = store(started)
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    done = run(started, arguments, *MODULE)
    assert done.returncode == 1
    assert f"the artifact store {folder} as it is mounted here has no runs/p/" in last_line(done)
    assert "another folder is mounted at this path" in last_line(done)


def test_a_store_that_may_not_be_written_is_told_before_the_step_runs(started: StartedRun) -> None:
    arguments = prepared(started)
    subprocess.run(["chmod", "-R", "a+rX,a-w", str(store(started))], check=True)
    done = run(started, arguments, "-c", AS_NOBODY)
    assert done.returncode == 1
    said = last_line(done)
    assert "the step's result can't be written to" in said
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    assert f"this process runs as user {user} with group" in said
    assert f"belongs to user {os.geteuid()} with group {os.getegid()} (mode 555)" in said
    assert (
        "run the container as a user that may write there (DockerSettings(user=…), in Kubernetes runAsUser"
        in said
    )
    assert not (started.project.root.parent / "marker").exists()


def test_a_store_that_may_not_be_read_is_told(started: StartedRun) -> None:
    arguments = prepared(started)
    mode = 0o700 if os.geteuid() == 0 else 0
    (store(started) / "runs").chmod(mode)
    done = run(started, arguments, "-c", AS_NOBODY)
    assert done.returncode == 1
    said = last_line(done)
    assert f"the artifact store {store(started)} can't be read: can't read" in said
    assert f"{store(started) / 'runs'} belongs to user {os.geteuid()}" in said


def test_gpus_that_are_missing_fail_the_attempt_before_the_code_is_loaded(started: StartedRun) -> None:
    arguments = prepared(started)
    shutil.rmtree(store(started) / "code")
    done = run(started, arguments, *MODULE, PIPES_GPU_COUNT="99")
    assert done.returncode == 1
    assert last_line(done).startswith("step 'first' asked for 99 GPUs and finds")
    failure = started.launch("first").tried.last_failure()
    assert failure is not None
    assert (failure.type, failure.reason) == ("GpuError", "exception")
    assert "asked for 99 GPUs" in failure.message
    assert not (started.project.root.parent / "marker").exists()
