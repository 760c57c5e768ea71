"""An API server of Kubernetes that fails on demand, as a real one can't be made to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]


def pod_json(name: str, phase: str = "Pending", version: int = 1, **status: Any) -> Json:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)},
        "spec": {"nodeName": "n", "restartPolicy": "Never"},
        "status": {"phase": phase, **status},
    }


class FakeApi:
    """Pods, the requests that came, and what to answer in the place of what is asked.

    Attributes:
        faults: What the next requests get, by kind ("list", "watch", "get"): a status, or "cut".
    """

    def __init__(self) -> None:
        self.pods: dict[str, Json] = {}
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.faults: dict[str, list[Any]] = {}
        self.version = 10
        self._streams: set[asyncio.Queue[Json | None]] = set()

    def set(self, name: str, phase: str, **status: Any) -> None:
        self.version += 1
        kind = "MODIFIED" if name in self.pods else "ADDED"
        self.pods[name] = pod_json(name, phase, self.version, **status)
        self._send({"type": kind, "object": self.pods[name]})

    def delete(self, name: str) -> None:
        self.version += 1
        self._send({"type": "DELETED", "object": self.pods.pop(name)})

    def send_error(self, code: int) -> None:
        self._send({"type": "ERROR", "object": {"code": code, "message": "told"}})

    def cut(self) -> None:
        for stream in self._streams:
            stream.put_nowait(None)

    def count(self, kind: str) -> int:
        return self.requests.count(kind)

    def _send(self, event: Json) -> None:
        for stream in self._streams:
            stream.put_nowait(event)

    def _fault(self, kind: str, request: web.Request) -> web.Response | None:
        self.requests.append(kind)
        self.tokens.append(request.headers.get("Authorization"))
        waiting = self.faults.get(kind)
        if not waiting:
            return None
        code = waiting[0] if len(waiting) == 1 and waiting[0] == "down" else waiting.pop(0)
        return web.json_response({"message": "told"}, status=503 if code == "down" else code)

    async def pods_of_namespace(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            return self._fault("watch", request) or await self._watch(request)
        failed = self._fault("list", request)
        if failed:
            return failed
        names = sorted(self.pods)
        begin, size = int(request.query.get("continue", 0)), int(request.query["limit"])
        following = str(begin + size) if begin + size < len(names) else ""
        items = [self.pods[name] for name in names[begin : begin + size]]
        metadata = {"resourceVersion": str(self.version), "continue": following}
        return web.json_response({"items": items, "metadata": metadata})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        stream: asyncio.Queue[Json | None] = asyncio.Queue()
        self._streams.add(stream)
        try:
            while (event := await stream.get()) is not None:
                text = json.dumps(event).encode() + b"\n"
                half = len(text) // 2
                await response.write(text[:half])
                await response.write(text[half:])
            assert request.transport
            request.transport.abort()
        finally:
            self._streams.discard(stream)
        return response

    async def one_pod(self, request: web.Request) -> web.Response:
        failed = self._fault("get", request)
        if failed:
            return failed
        found = self.pods.get(request.match_info["name"])
        return web.json_response(found or {"message": "no such pod"}, status=200 if found else 404)

    async def delete_pod(self, request: web.Request) -> web.Response:
        failed = self._fault("delete", request)
        if failed:
            return failed
        self.delete(request.match_info["name"])
        return web.json_response({})


@asynccontextmanager
async def running(api: FakeApi, folder: Path) -> AsyncIterator[Callable[[str], Json]]:
    """Serve it; gives what makes a backend's config, with a token of one's choice."""
    app = web.Application()
    path = "/api/v1/namespaces/default/pods"
    app.router.add_get(path, api.pods_of_namespace)
    app.router.add_get(f"{path}/{{name}}", api.one_pod)
    app.router.add_delete(f"{path}/{{name}}", api.delete_pod)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kubeconfig = folder / "kubeconfig"

    def config(token: str = "first") -> Json:
        named = {"name": "fake"}
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "clusters": [{**named, "cluster": {"server": address}}],
                    "users": [{**named, "user": {"token": token}}],
                    "contexts": [{**named, "context": {"cluster": "fake", "user": "fake"}}],
                }
            )
        )
        return {
            "config_file": str(kubeconfig),
            "namespace": "default",
            "selector": "pipes/token",
            "container": "base",
        }

    try:
        yield config
    finally:
        api.cut()
        await runner.cleanup()
