"""One watcher of a backend for all triggers of an event loop, however many jobs they wait for."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import random
import time
import weakref
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError, message_of
from airflow_provider_pipes.triggers.backend import JobBackend, JobPhase, JobStatus

log = logging.getLogger(__name__)

LINGER = 30.0
"""Seconds that a watcher goes on without anybody waiting: the next job often comes at once."""
_GRACE = 3.0
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 15.0

_WATCHERS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], JobWatcher]] = (
    weakref.WeakKeyDictionary()
)


def shared_watcher(backend: str, config: Mapping[str, Any]) -> JobWatcher:
    """Return the running loop's watcher of a backend.

    Args:
        backend: Class path, ``module:Class``.
        config: As in ``JobHandle``; a different one is a different backend.

    Raises:
        ConfigurationError: there is no such backend here.
    """
    watchers = _WATCHERS.setdefault(asyncio.get_running_loop(), {})
    key = (backend, json.dumps(config, sort_keys=True))
    if key not in watchers:
        watchers[key] = JobWatcher(_backend(backend, config))
    return watchers[key]


def _backend(class_path: str, config: Mapping[str, Any]) -> JobBackend:
    module, _, name = class_path.partition(":")
    try:
        made = getattr(import_module(module), name)(config)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"the triggerer can't import the backend {class_path!r} ({error}); install the same "
            "airflow-provider-pipes in the triggerer as on the workers"
        ) from error
    if not isinstance(made, JobBackend):
        raise ConfigurationError(f"{class_path!r} is no backend of jobs; expected a JobBackend")
    return made


class JobWatcher:
    """Follows a backend for as long as somebody waits, and wakes whom a change concerns.

    All methods are called in one event loop, so there is no lock.
    """

    def __init__(self, backend: JobBackend) -> None:
        self.backend = backend
        self._known: dict[str, JobStatus] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._users = 0
        self._reset()

    def _reset(self) -> None:
        self._known.clear()
        self._synced = False
        self._failures = 0
        self._down_since: float | None = None
        self._trouble = self._lost = ""

    async def changed(self, job_id: str, than: JobStatus | None = None) -> JobStatus:
        """Wait until a job's status is another than this one, and return it."""
        with self._kept_running():
            patience = _GRACE
            while True:
                status = self._now(job_id)
                if status is not None and status != than:
                    return status
                unseen = status is None and self._synced
                if not await self._woken(job_id, patience if unseen else None):
                    # Started before the watcher and not seen by it: gone, or its first event is on the way.
                    await self._ask_for(job_id)
                    patience = min(patience * 2, _LONGEST_DELAY)

    def replace(self, found: Mapping[str, JobStatus]) -> None:
        """Take this for everything that there is; jobs waited for that were there before are gone."""
        for job_id in [each for each in self._known if each not in found]:
            self.remove(job_id)
        for job_id, status in found.items():
            self.put(job_id, status)
        recovered = bool(self._trouble)
        self._synced, self._failures, self._down_since, self._trouble = True, 0, None, ""
        for job_id in self._waiting:
            if recovered or job_id not in self._known:
                self._wake(job_id)

    def put(self, job_id: str, status: JobStatus) -> None:
        """Note how far a job is, and wake who waits for it if that is new."""
        if self._known.get(job_id) != status:
            self._known[job_id] = status
            self._wake(job_id)

    def remove(self, job_id: str) -> None:
        """Note that a job is gone."""
        self._known.pop(job_id, None)
        if job_id in self._waiting:
            self._known[job_id] = JobStatus(JobPhase.GONE)
            self._wake(job_id)

    def _now(self, job_id: str) -> JobStatus | None:
        """Return what is known; None where that is nothing yet."""
        if self._lost:
            return JobStatus(JobPhase.UNREACHABLE, self._lost)
        status = self._known.get(job_id) if self._synced else None
        if self._trouble:
            return JobStatus(JobPhase.UNKNOWN, self._trouble, status.started if status else None)
        return status

    def _wake(self, job_id: str) -> None:
        for future in self._waiting.get(job_id, ()):
            if not future.done():
                future.set_result(None)

    async def _woken(self, job_id: str, patience: float | None) -> bool:
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(future)
        try:
            async with asyncio.timeout(patience):
                await future
        except TimeoutError:
            return False
        finally:
            others = self._waiting[job_id]
            others.discard(future)
            if not others:
                del self._waiting[job_id]
        return True

    async def _ask_for(self, job_id: str) -> None:
        try:
            status = await self.backend.status(job_id)
        except Exception as error:  # The watch, which has the same trouble, keeps the count.
            log.debug("%s: %s", self.backend.name_of(job_id), error)
            return
        self._known.setdefault(job_id, status)

    @contextlib.contextmanager
    def _kept_running(self) -> Iterator[None]:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._task is None or self._task.done():
            self._reset()
            # With a context of its own, or it would write into the log of whichever task came first.
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._idle = asyncio.get_running_loop().call_later(LINGER, self._task.cancel)

    async def _run(self) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                await self.backend.follow(self)
            except Exception as error:
                if not self._failures:
                    delay = _FIRST_DELAY
                self._failed(error)
                if self._lost:
                    return
                # Jitter, so that many triggerers do not come back at the same moment.
                await asyncio.sleep(delay * random.uniform(0.5, 1.5))
                delay = min(delay * 2, _LONGEST_DELAY)

    def _failed(self, error: Exception) -> None:
        now = time.monotonic()
        self._failures += 1
        self._down_since = self._down_since or now
        said = f"{type(error).__name__}: {message_of(error)}"
        log.warning("watching %s failed: %s", type(self.backend).__name__, said)
        limit = self.backend.unreachable_timeout
        if now - self._down_since >= limit:
            self._lost = (
                f"no answer for {now - self._down_since:.0f} s (unreachable_timeout {limit:.0f} s): {said}"
            )
        elif self._failures == 2:  # A single cut is no news: the next try mostly succeeds.
            self._trouble = f"does not answer, trying on for {limit:.0f} s: {said}"
        else:
            return
        for job_id in list(self._waiting):
            self._wake(job_id)
