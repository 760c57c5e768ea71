"""The trigger: what Airflow stores of it, its deadlines, and when it cancels."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import pytest
from airflow.models.trigger import Trigger
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.triggers import job as jobs
from airflow_provider_pipes.triggers import task_state as states
from airflow_provider_pipes.triggers.backend import Board, JobBackend, JobPhase, JobStatus
from airflow_provider_pipes.triggers.handle import JobHandle, TaskIdentity
from airflow_provider_pipes.triggers.job import JobTrigger

RUNNING = JobStatus(JobPhase.RUNNING, "runs", 1.0)


class MemoryBackend(JobBackend):
    """Jobs in memory; the class holds what the tests look at."""

    unreachable_timeout = 5.0
    jobs: ClassVar[Mapping[str, JobStatus]] = {}
    cancelled: ClassVar[list[tuple[str, str | None]]] = []
    refusals: ClassVar[list[Exception]] = []
    seconds: ClassVar[float] = 0.0

    def name_of(self, job_id: str) -> str:
        return f"job {job_id!r}"

    async def follow(self, board: Board) -> None:
        while True:
            board.replace(self.jobs)
            await asyncio.sleep(0.01)

    async def status(self, job_id: str) -> JobStatus:
        return self.jobs.get(job_id, JobStatus(JobPhase.GONE))

    async def cancel(self, job_id: str, attempt: str | None = None) -> None:
        await asyncio.sleep(self.seconds)
        if self.refusals:
            raise self.refusals.pop()
        self.cancelled.append((job_id, attempt))

    async def last_words(self, job_id: str) -> str:
        return "the end of its log"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryBackend, "jobs", {"j": RUNNING})
    monkeypatch.setattr(MemoryBackend, "cancelled", [])
    monkeypatch.setattr(MemoryBackend, "refusals", [])
    monkeypatch.setattr(MemoryBackend, "seconds", 0.0)
    monkeypatch.setattr(jobs, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 0.5)


def handle(**changes: Any) -> JobHandle:
    task = TaskIdentity(dag_id="d", run_id="r", task_id="t", attempt="try-1")
    values: dict[str, Any] = {
        "backend": f"{__name__}:MemoryBackend",
        "config": {"connection_id": "gpu", "namespace": "ml"},
        "job_id": "j",
        "token": "abc",
        "task": task.to_mapping(),
        "submitted": time.time() - 10,
    }
    return JobHandle(**{**values, **changes})


def trigger(**changes: Any) -> JobTrigger:
    return JobTrigger(handle(**changes).to_mapping())


async def event_of(one: JobTrigger) -> dict[str, Any]:
    async for event in one.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("no event")


def answers(monkeypatch: pytest.MonkeyPatch, *found: str | Exception | None) -> None:
    told = list(found)

    async def answer(task: TaskIdentity) -> str | None:
        assert task.attempt == "try-1"
        first = told[0] if len(told) == 1 else told.pop(0)
        if isinstance(first, Exception):
            raise first
        return first

    monkeypatch.setattr(jobs, "task_state", answer)


def play(scenario: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(20):
            found = await scenario()
            while jobs._background:
                await asyncio.gather(*jobs._background)
            return found

    return asyncio.run(main())


texts = st.text(max_size=40)
handles = st.builds(
    JobHandle,
    backend=texts,
    config=st.dictionaries(texts, st.none() | texts | st.booleans() | st.integers(0, 2**31)),
    job_id=texts,
    token=texts,
    task=st.builds(
        TaskIdentity,
        dag_id=texts,
        run_id=texts,
        task_id=texts,
        map_index=st.integers(-1, 9999),
        attempt=texts,
    ).map(TaskIdentity.to_mapping),
    submitted=st.floats(0, 4e9),
    deadline=st.none() | st.floats(0, 4e9),
    queue_timeout=st.none() | st.floats(0, 4e9),
    cancel_on_kill=st.booleans(),
)


@given(handles)
def test_what_airflow_stores_of_a_trigger_makes_it_again(given_handle: JobHandle) -> None:
    class_path, kwargs = JobTrigger(given_handle.to_mapping()).serialize()
    assert class_path == "airflow_provider_pipes.triggers.job.JobTrigger"
    # As Airflow does it, through its database.
    stored = Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(json.loads(json.dumps(kwargs))))
    again = JobTrigger(**stored)
    assert again.handle == given_handle
    assert again.serialize() == (class_path, kwargs)


def test_a_trigger_of_before_a_field_was_added_resumes_and_unknown_fields_are_left_out() -> None:
    document = handle().to_mapping()
    for name in ("schema_version", "deadline", "queue_timeout", "cancel_on_kill"):
        del document[name]
    old = JobTrigger({**document, "of_another_version": 1})
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.SUCCEEDED, "ended", 1.0, 3.0)}
    assert play(lambda: event_of(old))["status"] == "succeeded"


def test_a_trigger_of_a_newer_version_ends_with_a_sentence_and_no_exception() -> None:
    newer = JobTrigger({**handle().to_mapping(), "schema_version": 99})
    told = play(lambda: event_of(newer))
    assert told["status"] == "unreachable"
    assert "upgrade airflow-provider-pipes" in told["told"]


def test_an_event_says_how_long_the_job_queued_and_ran() -> None:
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.FAILED, "ended with exit code 3", 110.0, 150.0)}
    event = play(lambda: event_of(trigger(submitted=100.0)))
    assert event == {
        "status": "failed",
        "told": "ended with exit code 3",
        "queued": 10.0,
        "ran": 40.0,
        "returned": {},
    }


def test_an_event_gives_back_what_the_task_wants_to_know_again() -> None:
    # Under `dag.test()` the event is all that comes back.
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.SUCCEEDED)}
    assert play(lambda: event_of(trigger(returned={"known": [1]})))["returned"] == {"known": [1]}
    assert play(lambda: event_of(trigger(backend="no:Backend", returned={"known": [1]})))["returned"] == {
        "known": [1]
    }


def test_the_deadline_is_absolute_and_a_job_beyond_it_is_cancelled() -> None:
    event = play(lambda: event_of(trigger(deadline=time.time() + 0.1)))
    assert event["status"] == "deadline"
    assert event["ran"] > 0
    assert MemoryBackend.cancelled == [("j", "try-1")]
    # Also for the triggerer that comes up after it.
    assert play(lambda: event_of(trigger(deadline=time.time() - 100)))["status"] == "deadline"


def test_a_job_that_does_not_start_in_time_is_cancelled_and_one_that_runs_is_not() -> None:
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.QUEUED, "can't be scheduled yet")}
    event = play(lambda: event_of(trigger(submitted=time.time(), queue_timeout=0.1)))
    assert (event["status"], event["ran"]) == ("queue_timeout", None)
    assert "can't be scheduled" in event["told"]
    MemoryBackend.jobs = {"j": RUNNING}

    async def wait_on() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event_of(trigger(submitted=time.time(), queue_timeout=0.1)), 0.5)

    play(wait_on)
    assert MemoryBackend.cancelled == [("j", "try-1")]


@pytest.mark.parametrize("first", [RUNNING, JobStatus(JobPhase.UNKNOWN, "does not answer")])
def test_a_job_that_began_is_not_cancelled_by_a_triggerer_that_takes_over_later(first: JobStatus) -> None:
    MemoryBackend.jobs = {"j": first}

    async def take_over() -> None:
        long_ago = trigger(submitted=time.time() - 3600, queue_timeout=0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event_of(long_ago), 0.5)

    play(take_over)
    assert MemoryBackend.cancelled == []


def test_what_the_watch_did_not_show_is_asked_for_before_a_job_is_out_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    latest: list[JobStatus] = [
        JobStatus(JobPhase.QUEUED, "can't be scheduled yet: no cpu"),
        JobStatus(JobPhase.SUCCEEDED, "ended", 1.0, 2.0),
    ]

    async def status(self: MemoryBackend, job_id: str) -> JobStatus:
        asked.append(job_id)
        return latest[len(asked) - 1]

    monkeypatch.setattr(MemoryBackend, "status", status)
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.QUEUED)}
    event = play(lambda: event_of(trigger(queue_timeout=1.0)))
    assert (event["status"], event["told"]) == ("queue_timeout", "can't be scheduled yet: no cpu")
    assert len(MemoryBackend.cancelled) == 1
    event = play(lambda: event_of(trigger(queue_timeout=1.0)))
    assert (event["status"], event["ran"], len(asked)) == ("succeeded", 1.0, 2)
    assert len(MemoryBackend.cancelled) == 1


def test_a_job_that_can_never_start_is_cancelled_before_the_task_resumes() -> None:
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.REFUSED, "can't start: no such image")}
    assert play(lambda: event_of(trigger()))["status"] == "refused"
    assert MemoryBackend.cancelled == [("j", "try-1")]


def test_a_job_that_something_keeps_from_starting_is_cancelled_when_it_stays_so() -> None:
    told = ["waits: no secret 's' (1)", "waits: no secret 's' (2)"]
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.QUEUED, told[0], patience=0.4)}

    async def other_words() -> dict[str, Any]:
        began = time.monotonic()
        waiting = asyncio.create_task(event_of(trigger()))
        await asyncio.sleep(0.25)
        MemoryBackend.jobs = {"j": JobStatus(JobPhase.QUEUED, told[1], patience=0.4)}
        event = await waiting
        assert time.monotonic() - began < 0.6  # Other words for it are no new beginning.
        return event

    event = play(other_words)
    assert (event["status"], event["told"]) == (jobs.HINDERED, told[1])
    assert MemoryBackend.cancelled == [("j", "try-1")]


def test_a_job_that_starts_after_all_is_waited_for() -> None:
    MemoryBackend.jobs = {"j": JobStatus(JobPhase.QUEUED, "waits: no secret 's'", patience=0.3)}

    async def start_late() -> None:
        waiting = asyncio.create_task(event_of(trigger()))
        await asyncio.sleep(0.1)
        MemoryBackend.jobs = {"j": RUNNING}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.5)

    play(start_late)
    assert MemoryBackend.cancelled == []


@pytest.mark.parametrize("state", ["failed", "success", "removed", "scheduled", "running", None])
def test_on_kill_cancels_once_the_task_waits_no_more(
    monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    answers(monkeypatch, state)
    play(trigger().on_kill)
    assert MemoryBackend.cancelled == [("j", "try-1")]


def test_on_kill_of_a_trigger_that_only_moved_cancels_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "deferred")
    play(trigger().on_kill)
    assert MemoryBackend.cancelled == []


def test_on_kill_cancels_nothing_while_airflow_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ConnectionError("no API server"))
    play(trigger().on_kill)
    assert MemoryBackend.cancelled == []


def test_on_kill_asks_again_after_an_error_and_cancels_again_after_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, ConnectionError("away"), "failed")
    MemoryBackend.refusals = [ConnectionError("away too")]
    play(trigger().on_kill)
    assert MemoryBackend.cancelled == [("j", "try-1")]


def test_on_kill_leaves_a_job_that_the_user_wants_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "failed")
    play(trigger(cancel_on_kill=False).on_kill)
    assert MemoryBackend.cancelled == []


def test_a_slow_cancellation_completes_although_airflow_cancels_on_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "failed")
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 5.0)
    MemoryBackend.seconds = 0.5

    async def cut_short() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(trigger().on_kill(), 0.1)
        assert MemoryBackend.cancelled == []

    play(cut_short)
    assert MemoryBackend.cancelled == [("j", "try-1")]


def test_cleanup_and_a_cancelled_run_cancel_nothing() -> None:
    async def restarted() -> None:
        one = trigger()
        waiting = asyncio.create_task(event_of(one))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await one.cleanup()

    play(restarted)
    assert MemoryBackend.cancelled == []


def test_airflow_still_has_what_the_question_for_a_tasks_state_is_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}
    real = RuntimeTaskInstance.get_task_states

    def answer(
        dag_id: str, map_index: int | None = None, task_ids: list[str] | None = None, **more: Any
    ) -> dict[str, Any]:
        asked.update(dag_id=dag_id, map_index=map_index, task_ids=task_ids, **more)
        return {"r": {"t": "failed", "t_3": "deferred"}}

    names = real.__code__.co_varnames[: real.__code__.co_argcount]
    assert {"dag_id", "map_index", "task_ids", "run_ids"} <= set(names)
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(answer))
    task = TaskIdentity(dag_id="d", run_id="r", task_id="t")
    assert asyncio.run(states.task_state(task)) == "failed"
    assert asked == {"dag_id": "d", "map_index": -1, "task_ids": ["t"], "run_ids": ["r"]}
    mapped = TaskIdentity(dag_id="d", run_id="r", task_id="t", map_index=3)
    assert asyncio.run(states.task_state(mapped)) == states.DEFERRED
    gone = TaskIdentity(dag_id="d", run_id="deleted", task_id="t")
    assert asyncio.run(states.task_state(gone)) == states.REMOVED
