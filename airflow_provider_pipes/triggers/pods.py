"""Pods of one namespace: one list, then one watch, whatever their number."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError, StepOperatorError
from airflow_provider_pipes.triggers.backend import Board, JobBackend, JobPhase, JobStatus
from airflow_provider_pipes.triggers.pod_status import pod_status

BACKEND = f"{__name__}:PodBackend"
"""How a handle names this backend."""
ATTEMPT_ANNOTATION = "airflow-provider-pipes/deferred-by"
"""On a pod: the try of the task instance that waits for it, deferred."""
TRY_ANNOTATION = "airflow-provider-pipes/deferred-by-try"
"""The same as Airflow counts tries, from 1."""

_PAGE = 500
_TIMEOUTS = (10, 60)
# The server sends bookmarks every minute: when nothing comes for longer, nobody is there.
_WATCH_TIMEOUTS = (10, 90)
_WATCH_SECONDS = (240, 300)
_EVENTS_AT_ONCE = 50
_LOG_LINES, _LOG_BYTES = 1000, 262_144
_AT_ONCE = 10


class _ExpiredError(Exception):
    """The server does not know that version any more: list again."""


class PodBackend(JobBackend):
    """The pods with a label in one namespace.

    The config holds ``connection_id``, ``in_cluster``, ``config_file`` (a path where the triggerer
    runs), ``context``, ``namespace``, ``selector``, ``container`` and, where they are set,
    ``grace_period`` and ``unreachable_timeout``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.namespace: str = config["namespace"]
        self.unreachable_timeout = float(config.get("unreachable_timeout", self.unreachable_timeout))
        # A thousand tasks marked failed at once shall not open a thousand connections.
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def name_of(self, job_id: str) -> str:
        """Return how messages name a pod."""
        return f"pod {job_id!r} in namespace {self.namespace!r}"

    async def follow(self, board: Board) -> None:
        """List the pods, then watch them."""
        async with self._api() as api:
            while True:
                version = await self._list(api, board)
                try:
                    while True:
                        version = await self._watch(api, board, version)
                except _ExpiredError:
                    continue

    async def status(self, job_id: str) -> JobStatus:
        """Return how far one pod is."""
        async with self._turns, self._api() as api:
            pod = await self._read(api, job_id)
        return JobStatus(JobPhase.GONE) if pod is None else self._status(pod)

    async def cancel(self, job_id: str, attempt: str | None = None) -> None:
        """Delete a pod that is active, unless a later attempt has taken it over."""
        async with self._turns, self._api() as api:
            while True:
                pod = await self._read(api, job_id)
                if pod is None or self._status(pod).phase in (JobPhase.SUCCEEDED, JobPhase.FAILED):
                    return
                metadata = pod["metadata"]
                whose = (metadata.get("annotations") or {}).get(ATTEMPT_ANNOTATION)
                if metadata.get("deletionTimestamp") or (attempt and whose not in (None, attempt)):
                    return
                if await self._delete(api, metadata):
                    return

    async def last_words(self, job_id: str) -> str:
        """Return the end of the container's log."""
        async with self._turns, self._api() as api:
            answer = await api.read_namespaced_pod_log(
                job_id,
                self.namespace,
                container=self.config["container"],
                tail_lines=_LOG_LINES,
                limit_bytes=_LOG_BYTES,
                _preload_content=False,
                _request_timeout=_TIMEOUTS,
            )
            async with answer:
                return (await answer.read()).decode(errors="replace") if answer.status == 200 else ""

    def _status(self, pod: Mapping[str, Any]) -> JobStatus:
        return pod_status(pod, self.config["container"])

    @asynccontextmanager
    async def _api(self) -> AsyncIterator[Any]:
        """Give a client with credentials read afresh: those of the last one may have expired."""
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
        from kubernetes_asyncio.client import CoreV1Api

        hook = AsyncKubernetesHook(
            conn_id=self.config.get("connection_id"),
            in_cluster=self.config.get("in_cluster"),
            cluster_context=self.config.get("context"),
            config_dict=await asyncio.to_thread(_kubeconfig, self.config.get("config_file")),
        )
        async with hook.get_conn() as connection:
            yield CoreV1Api(connection)

    async def _list(self, api: Any, board: Board) -> str:
        """Show the board all pods; return the version that a watch goes on from."""
        found: dict[str, JobStatus] = {}
        following: str | None = None
        while True:
            page = await self._page(api, following)
            for pod in page["items"]:
                found[pod["metadata"]["name"]] = self._status(pod)
            following = page["metadata"].get("continue")
            if not following:
                break
            await asyncio.sleep(0)
        board.replace(found)
        return str(page["metadata"]["resourceVersion"])

    async def _page(self, api: Any, following: str | None) -> dict[str, Any]:
        options = {"_continue": following} if following else {}
        answer = await api.list_namespaced_pod(
            self.namespace,
            label_selector=self.config["selector"],
            limit=_PAGE,
            _preload_content=False,
            _request_timeout=_TIMEOUTS,
            **options,
        )
        async with answer:
            return await _decoded(answer, "list pods")

    async def _watch(self, api: Any, board: Board, version: str) -> str:
        answer = await api.list_namespaced_pod(
            self.namespace,
            label_selector=self.config["selector"],
            watch=True,
            allow_watch_bookmarks=True,
            resource_version=version,
            timeout_seconds=random.randint(*_WATCH_SECONDS),
            _preload_content=False,
            _request_timeout=_WATCH_TIMEOUTS,
        )
        async with answer:
            if answer.status != 200:
                await _decoded(answer, "watch pods")
            return await self._read_events(answer, board, version)

    async def _read_events(self, answer: Any, board: Board, version: str) -> str:
        rest, seen = b"", 0
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(None, lines):
                version = self._take(json.loads(line), board)
                seen += 1
                if seen % _EVENTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return version

    def _take(self, event: Mapping[str, Any], board: Board) -> str:
        found = event["object"]
        if event["type"] == "ERROR":
            _refuse(int(found.get("code", 500)), found.get("message", ""), "watch pods")
        metadata = found["metadata"]
        if event["type"] == "DELETED":
            board.remove(metadata["name"])
        elif event["type"] != "BOOKMARK":
            board.put(metadata["name"], self._status(found))
        return str(metadata["resourceVersion"])

    async def _read(self, api: Any, name: str) -> dict[str, Any] | None:
        answer = await api.read_namespaced_pod(
            name, self.namespace, _preload_content=False, _request_timeout=_TIMEOUTS
        )
        async with answer:
            return None if answer.status == 404 else await _decoded(answer, f"read pod {name}")

    async def _delete(self, api: Any, metadata: Mapping[str, Any]) -> bool:
        """Delete a pod as it was read; False if it has changed since, say, was taken over."""
        body: dict[str, Any] = {
            "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        }
        if self.config.get("grace_period") is not None:
            body["gracePeriodSeconds"] = self.config["grace_period"]
        answer = await api.delete_namespaced_pod(
            metadata["name"], self.namespace, body=body, _preload_content=False, _request_timeout=_TIMEOUTS
        )
        async with answer:
            if answer.status == 409:
                return False
            if answer.status != 404:
                await _decoded(answer, f"delete pod {metadata['name']}")
            return True


def _kubeconfig(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    from airflow.utils import yaml

    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, Any] = yaml.safe_load(file)
    except OSError as error:
        raise ConfigurationError(
            f"the triggerer can't read config_file {path!r} ({error.strerror}); put it there, or name an "
            "Airflow connection by kubernetes_conn_id instead"
        ) from error
    return found


async def _decoded(answer: Any, what: str) -> dict[str, Any]:
    text = await answer.read()
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError:
        document = {"message": text[:200].decode(errors="replace")}
    if answer.status >= 300:
        _refuse(answer.status, document.get("message", ""), what)
    return document


def _refuse(code: int, message: str, what: str) -> None:
    if code == 410:
        raise _ExpiredError
    hints = {401: "; are the credentials right?", 403: "; grant that right on pods to the account used"}
    raise StepOperatorError(f"the Kubernetes API refuses to {what}: {code} {message}{hints.get(code, '')}")
