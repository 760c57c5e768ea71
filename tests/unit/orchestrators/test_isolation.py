from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import RunFailedError
from airflow_provider_pipes.orchestrators.isolation import process_kept
from tests.project import UserProject

STEPS = """
    import io, os, sys

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    @step
    def selfish() -> int:
        sys.stdout = io.StringIO()
        os.chdir("/")
        os.environ["PIPES_TEST_LEFT"] = "1"
        return 1

    @step
    def after(x: int) -> str:
        return f"{os.getcwd()} {os.environ.get('PIPES_TEST_LEFT')}"

    @step
    def base() -> None:
        raise BaseException("no Exception")

    @step
    def mute() -> None:
        raise Mute()

    @pipeline
    def changing():
        after(selfish())

    @pipeline
    def raising():
        base()

    @pipeline
    def speechless():
        mute()
"""


def test_streams_folder_and_environment_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_TEST_KEPT", "before")
    folder, stream = os.getcwd(), sys.stdout
    with process_kept():
        os.chdir(tmp_path)
        os.environ["PIPES_TEST_KEPT"] = "after"
        os.environ["PIPES_TEST_LEFT"] = "1"
        sys.stdout = sys.stderr
    assert (os.getcwd(), sys.stdout) == (folder, stream)
    assert os.environ["PIPES_TEST_KEPT"] == "before"
    assert "PIPES_TEST_LEFT" not in os.environ


def test_a_step_does_not_see_what_the_one_before_did_to_the_process(project: UserProject) -> None:
    folder, stream = os.getcwd(), sys.stdout
    done = project.pipeline(STEPS).run("pipeline.py:changing")
    assert done.value("after") == f"{folder} None"
    assert sys.stdout is stream


@pytest.mark.parametrize(("name", "said"), [("raising", "no Exception"), ("speechless", "can't be shown")])
def test_whatever_a_step_raises_fails_the_run_in_one_sentence(
    project: UserProject, name: str, said: str
) -> None:
    with pytest.raises(RunFailedError, match=said):
        project.pipeline(STEPS).run(f"pipeline.py:{name}")
