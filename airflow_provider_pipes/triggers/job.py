"""The trigger that waits for a job, and ends it when its time is over or a user ends the task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import cached_property
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_pipes.errors import message_of
from airflow_provider_pipes.triggers.backend import JobPhase, JobStatus
from airflow_provider_pipes.triggers.handle import JobHandle, TaskIdentity
from airflow_provider_pipes.triggers.task_state import DEFERRED, task_state
from airflow_provider_pipes.triggers.watcher import JobWatcher, shared_watcher

log = logging.getLogger(__name__)

DEADLINE, QUEUE_TIMEOUT = "deadline", "queue_timeout"
"""An event's status, beside the phases of a job: its time was over, and it was cancelled."""
HINDERED = "hindered"
"""Likewise: something kept it from its start for longer than it may, and it was cancelled."""
CANCEL_SECONDS = 60.0
"""How long a cancellation, or the question that comes before it, is tried again."""
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 5.0

# The event loop itself keeps only weak references to its tasks.
_background: set[asyncio.Task[None]] = set()


class JobTrigger(BaseTrigger):
    """Waits for one job, beside all others of its backend; see ``watcher``.

    It cancels the job at its deadline, where it can never start, and in ``on_kill``; never in ``cleanup``,
    which also runs when a triggerer restarts. Its only event says how the job ended: ``status``, a phase
    of a job, "deadline", "queue_timeout" or "hindered"; ``told``, the backend's words; ``queued`` and
    ``ran``, seconds; ``returned``, as the handle has it.

    Args:
        handle: A ``JobHandle`` as JSON, of this version or an earlier one.
    """

    def __init__(self, handle: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._document = dict(handle)
        self._seen = False
        self._started: float | None = None
        self._hindered_until: float | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores of the trigger."""
        return f"{__name__}.{type(self).__name__}", {"handle": self._document}

    @cached_property
    def handle(self) -> JobHandle:
        """The job."""
        return JobHandle.from_mapping(self._document)

    @property
    def _task(self) -> TaskIdentity:
        return TaskIdentity.from_mapping(self.handle.task)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the job's end, or its deadline."""
        try:
            event = await self._event()
        except Exception as error:
            # An exception would end the task without a look at the job, and drop what it says.
            self.log.exception("The wait for job %r failed.", self._document.get("job_id"))
            told = f"{type(error).__name__}: {message_of(error)}"
            event = {"status": JobPhase.UNREACHABLE.value, "told": told, "queued": None, "ran": None}
        event["returned"] = self._document.get("returned", {})
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _event(self) -> dict[str, Any]:
        watcher = shared_watcher(self.handle.backend, self.handle.config)
        status = JobStatus(JobPhase.UNKNOWN)
        while not status.over:
            limit, why = self._limit()
            try:
                async with asyncio.timeout(None if limit is None else max(limit - time.time(), 0)):
                    status = await self._news(watcher, status)
            except TimeoutError:
                if why == HINDERED:
                    return await self._refused(watcher, status, why)
                status = await self._asked(watcher, status)
                if not status.over and (why == DEADLINE or self._started is None):
                    return await self._out_of_time(watcher, status, why)
        if status.phase is JobPhase.REFUSED:
            return await self._refused(watcher, status, status.phase.value)
        return self._ending(status.phase.value, status)

    def _limit(self) -> tuple[float | None, str]:
        """Return until when to wait for news, and what it is called when there is none."""
        limits = [(self.handle.deadline, DEADLINE)]
        # Another triggerer may have seen it begin, so that it is looked at first.
        if self._seen and self._started is None and self.handle.queue_timeout is not None:
            limits.append((self.handle.submitted + self.handle.queue_timeout, QUEUE_TIMEOUT))
        limits.append((self._hindered_until, HINDERED))
        return min((each for each in limits if each[0] is not None), default=(None, ""))

    async def _news(self, watcher: JobWatcher, before: JobStatus) -> JobStatus:
        """Wait for news of the job, and write it into the task's log."""
        status = await watcher.changed(self.handle.job_id, before)
        self._note(status, before)
        return status

    async def _asked(self, watcher: JobWatcher, before: JobStatus) -> JobStatus:
        """Ask how far the job is: a watch that began late, or was lost, has no news of it."""
        try:
            status = await asyncio.wait_for(watcher.backend.status(self.handle.job_id), CANCEL_SECONDS)
        except Exception as error:
            self.log.warning("%s: its status can't be read: %s", _capital(self._name), message_of(error))
            return before
        self._note(status, before)
        return status

    def _note(self, status: JobStatus, before: JobStatus) -> None:
        self._seen = self._seen or status.phase is not JobPhase.UNKNOWN
        if status.told and status.told != before.told:
            self.log.info("%s %s", _capital(self._name), status.told)
        self._started = status.started or self._started  # What is gone no longer says when it began.
        # From when it began, though the words for it may change.
        if status.patience is None:
            self._hindered_until = None
        elif self._hindered_until is None:
            self._hindered_until = time.time() + status.patience

    async def _refused(self, watcher: JobWatcher, status: JobStatus, why: str) -> dict[str, Any]:
        # Here, since the task may be ended before it gets a worker to do it on.
        await self._cancelled(watcher)
        return self._ending(why, status)

    async def _cancelled(self, watcher: JobWatcher) -> None:
        # If this wait is cancelled, the cancellation goes on.
        await asyncio.shield(_in_background(_cancel(watcher, self.handle.job_id, self._task.attempt)))

    async def _out_of_time(self, watcher: JobWatcher, status: JobStatus, why: str) -> dict[str, Any]:
        event = self._ending(why, status)
        try:
            said = await asyncio.wait_for(watcher.backend.last_words(self.handle.job_id), CANCEL_SECONDS)
        except Exception as error:
            said = f"(its log can't be read: {message_of(error)})"
        if said:
            self.log.info("The end of the log of %s:\n%s", self._name, said)
        self.log.info("The time of %s is over: it is cancelled.", self._name)
        await self._cancelled(watcher)
        return event

    def _ending(self, how: str, status: JobStatus) -> dict[str, Any]:
        now = time.time()
        queued = max((self._started or now) - self.handle.submitted, 0.0)
        ran = max((status.ended or now) - self._started, 0.0) if self._started else None
        return {"status": how, "told": status.told, "queued": queued, "ran": ran}

    @property
    def _name(self) -> str:
        return shared_watcher(self.handle.backend, self.handle.config).backend.name_of(self.handle.job_id)

    async def on_kill(self) -> None:
        """Cancel the job, unless Airflow says that the task still waits for it."""
        if self.handle.cancel_on_kill:
            # Airflow cancels this call after a second: what it began goes on.
            await asyncio.shield(_in_background(_killed(self.handle)))


async def _killed(handle: JobHandle) -> None:
    """Cancel a job whose task a user ended; in doubt, leave it alone.

    A triggerer that stalled is told to end triggers that merely moved to another one.
    """
    watcher = shared_watcher(handle.backend, handle.config)
    name = watcher.backend.name_of(handle.job_id)
    task = TaskIdentity.from_mapping(handle.task)
    state = await _insist(lambda: task_state(task), f"the state of task {task.task_id!r}")
    if isinstance(state, Exception):
        log.error("%s is not cancelled: Airflow did not tell whether its task still waits: %s", name, state)
    elif state == DEFERRED:
        log.info("%s is not cancelled: its task still waits for it, in another triggerer.", name)
    else:
        log.info("Cancelling %s: its task was ended (it is %s now).", name, state)
        await _cancel(watcher, handle.job_id, task.attempt)


async def _cancel(watcher: JobWatcher, job_id: str, attempt: str | None) -> None:
    name = watcher.backend.name_of(job_id)
    failure = await _insist(lambda: watcher.backend.cancel(job_id, attempt), f"cancelling {name}")
    if isinstance(failure, Exception):
        log.error("%s can't be cancelled, it may still run: %s", name, message_of(failure))


async def _insist(attempt: Any, what: str) -> Any:
    """Return what a call returns, or its last exception after trying for a while."""
    end, delay = time.monotonic() + CANCEL_SECONDS, _FIRST_DELAY
    while True:
        try:
            return await asyncio.wait_for(attempt(), CANCEL_SECONDS)
        except Exception as error:
            if time.monotonic() + delay > end:
                return error
            log.warning("%s: %s; trying again", what, message_of(error))
        await asyncio.sleep(delay)
        delay = min(delay * 2, _LONGEST_DELAY)


def _in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)
    return task


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
