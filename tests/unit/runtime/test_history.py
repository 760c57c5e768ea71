from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import RunNotFoundError
from airflow_provider_pipes.models.deployment import (
    CodeSpec,
    PipelineConfig,
    PipelineDeployment,
    StackSpec,
    StepSpec,
)
from airflow_provider_pipes.models.documents import Failure, Manifest, RunRecord
from airflow_provider_pipes.models.paths import deployment_path, run_folder, step_run_folder
from airflow_provider_pipes.runtime.history import History
from airflow_provider_pipes.runtime.runs import airflow_run_path, local_run_path, local_token

STEPS = ("load", "train/é")


class Store:
    """An artifact store with one deployment, to put runs into."""

    def __init__(self, root: Path, chained: bool = False) -> None:
        self.storage = LocalStorage(root)
        self.history = History(self.storage)
        steps = tuple(
            StepSpec(name=name, source="m:f", code_hash="0" * 64, upstream=STEPS[:index] if chained else ())
            for index, name in enumerate(STEPS)
        )
        deployment = PipelineDeployment(
            pipeline=PipelineConfig(name="p", source="m:p"),
            step_specs=steps,
            code=CodeSpec(hash="0" * 64),
            stack=StackSpec(name="default"),
        )
        self.deployment_id = deployment.id
        self.storage.write(deployment_path(deployment.id), deployment.document)

    def run(self, name: str, started: float = 100.0, **fields: Any) -> RunRecord:
        values = {"pipeline": "p", "origin": "airflow", "nonce": f"{name}{started}", "host": "h", **fields}
        record = RunRecord(run_name=name, deployment_id=self.deployment_id, started=started, **values)
        local = local_run_path(record.pipeline, name)
        path = local if record.origin == "local" else airflow_run_path(record.pipeline, name, str(started))
        self.storage.write(path, record.to_json())
        return record

    def folder(self, record: RunRecord, step: str, token: str) -> str:
        return step_run_folder(record.pipeline, record.run_name, step, token)

    def manifest(self, record: RunRecord, step: str, token: str, started: float = 101.0) -> None:
        manifest = Manifest(
            pipeline="p", run_name=record.run_name, step=step, token=token,
            outputs={}, started=started, seconds=2.0, code_hash="0" * 64,
        )  # fmt: skip
        self.storage.write(f"{self.folder(record, step, token)}/manifest.json", manifest.to_json())

    def failure(self, record: RunRecord, step: str, token: str, number: int = 1, **fields: Any) -> None:
        values = {"reason": "exception", "started": 101.0 + number, **fields}
        failure = Failure(
            step=step,
            token=token,
            attempt=number,
            type="E",
            message=f"no {number}",
            traceback="",
            seconds=1.0,
            **values,
        )
        self.storage.write(f"{self.folder(record, step, token)}/failure-{number}.json", failure.to_json())

    def attempt(self, record: RunRecord, step: str, token: str, number: int = 1) -> None:
        self.storage.write(f"{self.folder(record, step, token)}/execution-info-{number}.json", b"{}")

    def states(self, record: RunRecord) -> list[str]:
        return [step.state for step in self.history.run(record.run_name).steps]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_store_without_runs_has_none(tmp_path: Path) -> None:
    assert History(LocalStorage(tmp_path / "nothing")).runs() == []


def test_a_run_of_airflow_is_as_its_steps_are(store: Store) -> None:
    record = store.run("manual__1")
    assert store.history.run("manual__1").state == "unfinished"
    store.attempt(record, STEPS[0], "t")
    assert store.states(record) == ["unfinished", "not_run"]
    store.manifest(record, STEPS[0], "t")
    store.failure(record, STEPS[1], "u")
    run = store.history.run("manual__1")
    assert (run.state, run.ended, run.seconds) == ("failed", 103.0, 3.0)
    store.manifest(record, STEPS[1], "u", started=110.0)
    run = store.history.run("manual__1")
    assert (run.state, run.ended) == ("success", 112.0)
    assert [step.name for step in run.steps] == list(STEPS)


def test_what_airflow_skips_without_starting_it_is_skipped_here_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", chained=True)
    record = store.run("manual__1")
    store.failure(record, STEPS[0], "t", reason="skipped")
    assert store.states(record) == ["skipped", "skipped"]
    run = store.history.run("manual__1")
    assert (run.state, run.steps[1].why) == ("success", "step 'load' before it was skipped")


def test_of_several_tokens_the_newest_result_counts(store: Store) -> None:
    record = store.run("r")
    store.manifest(record, STEPS[0], "zzz", started=101.0)
    store.manifest(record, STEPS[0], "aaa", started=300.0)
    store.failure(record, STEPS[0], "mmm", started=200.0)
    (step, _) = store.history.run("r").steps
    assert (step.token, step.state) == ("aaa", "success")
    store.failure(record, STEPS[0], "mmm", number=2, started=400.0)
    (step, _) = store.history.run("r").steps
    assert (step.token, step.state, [each.attempt for each in step.failures]) == ("mmm", "failed", [1, 2])


def test_a_run_that_started_again_is_one_run(store: Store) -> None:
    store.run("r", started=100.0)
    store.run("r", started=200.0)
    (run,) = store.history.runs()
    assert run.record.started == 200.0


@pytest.mark.parametrize(
    ("reason", "state"), [("skipped", "skipped"), ("interrupted", "interrupted"), ("memory", "failed")]
)
def test_a_failure_says_why_there_is_no_result(store: Store, reason: str, state: str) -> None:
    record = store.run("r")
    store.failure(record, STEPS[0], "t", reason=reason)
    step = store.history.run("r").steps[0]
    assert (step.state, step.why) == (state, "no 1" if state == "skipped" else "")


def test_a_local_run_has_the_results_of_its_own_tokens_only(store: Store) -> None:
    record = store.run("r", started=time.time(), origin="local", pid=os.getpid(), host=socket.gethostname())
    store.manifest(record, STEPS[0], "somebody-elses", started=900.0)
    assert store.states(record) == ["not_run", "not_run"]
    store.manifest(record, STEPS[0], local_token(record, STEPS[0]))
    store.attempt(record, STEPS[1], local_token(record, STEPS[1]))
    assert store.states(record) == ["success", "running"]


def test_a_local_run_without_an_end_is_as_its_process_is(store: Store) -> None:
    here: dict[str, Any] = {"origin": "local", "host": socket.gethostname()}
    store.run("mine", started=time.time(), pid=os.getpid(), **here)
    # A process id beyond any that Linux gives.
    store.run("gone", pid=2**22 + 1, **here)
    store.run("odd", pid=0, **here)
    store.run("elsewhere", pid=os.getpid(), origin="local", host="another")
    assert {run.record.run_name: run.state for run in store.history.runs()} == {
        "mine": "running", "gone": "interrupted", "odd": "unfinished", "elsewhere": "unfinished",
    }  # fmt: skip


def test_a_local_run_ends_as_it_says(store: Store) -> None:
    record = store.run("r", origin="local")
    store.storage.write(
        f"{run_folder('p', 'r')}/end.json",
        b'{"state": "failed", "ended": 107.5, "skipped": {"load": "no need"}}',
    )
    run = store.history.run(record.run_name)
    assert (run.state, run.seconds) == ("failed", 7.5)
    assert [(step.state, step.why) for step in run.steps] == [("skipped", "no need"), ("not_run", "")]


def test_what_is_damaged_is_left_out_with_a_warning(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    record = store.run("r")
    store.run("damaged")
    store.run("newer")
    for path, data in {
        airflow_run_path("p", "damaged", "100.0"): b"[]",
        airflow_run_path("p", "newer", "100.0"): b'{"schema_version": 99}',
        f"{store.folder(record, STEPS[0], 't')}/manifest.json": b"{",
        f"{store.folder(record, STEPS[0], 't')}/failure-1.json": b'{"step": 1}',
    }.items():
        store.storage.write(path, data)
    with caplog.at_level(logging.WARNING):
        (run,) = store.history.runs()
    assert [step.state for step in run.steps] == ["unfinished", "not_run"]
    assert len(caplog.records) == 4


def test_a_run_without_its_deployment_still_shows_its_steps(store: Store) -> None:
    record = store.run("r")
    store.manifest(record, STEPS[0], "t")
    store.storage.remove(deployment_path(store.deployment_id))
    assert [(step.name, step.state) for step in store.history.run("r").steps] == [("load", "success")]


def test_runs_are_the_newest_first_and_can_be_narrowed_down(store: Store) -> None:
    for number, pipeline in enumerate(["p", "q", "p"]):
        store.run(f"r{number}", started=float(number), pipeline=pipeline)
    assert [run.record.run_name for run in store.history.runs()] == ["r2", "r1", "r0"]
    assert [run.record.run_name for run in store.history.runs(limit=1)] == ["r2"]
    assert [run.record.run_name for run in store.history.runs("p")] == ["r2", "r0"]


def test_a_run_is_found_by_its_exact_name_or_the_nearest_is_told(store: Store) -> None:
    name = "scheduled__2026-01-01T00:00:00+00:00/../x"
    store.run(name)
    assert store.history.run(name).record.run_name == name
    with pytest.raises(RunNotFoundError, match=r"did you mean 'scheduled__2026"):
        store.history.run("scheduled__2026-01-01T00:00:00+00:00")
    with pytest.raises(
        RunNotFoundError, match=r"no run 'x' of pipeline 'nope' in file://.*`pipes runs list`"
    ):
        store.history.run("x", "nope")
    store.run("same")
    store.run("same", pipeline="q")
    with pytest.raises(RunNotFoundError, match="several pipelines have a run named 'same': p, q"):
        store.history.run("same")
    assert store.history.run("same", "q").record == replace(
        store.history.run("same", "q").record, pipeline="q"
    )
