"""An API server with running pods that counts its requests: ``python -m benchmarks.pods_server N``."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from aiohttp import web

_VERSION = "10"


class _Pods:
    def __init__(self, number: int) -> None:
        self.requests = 0
        self.pods = {name: _pod(name, "Running") for name in (f"p{each:05}" for each in range(number))}
        self.ended = asyncio.Event()

    async def listed(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if request.query.get("watch"):
            return await self._watched(request)
        names = sorted(self.pods)
        begin, size = int(request.query.get("continue", 0)), int(request.query.get("limit", len(names)))
        following = str(begin + size) if begin + size < len(names) else ""
        items = [self.pods[name] for name in names[begin : begin + size]]
        metadata = {"resourceVersion": _VERSION, "continue": following}
        return web.json_response({"items": items, "metadata": metadata})

    async def _watched(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await self.ended.wait()
        for pod in self.pods.values():
            await response.write(json.dumps({"type": "MODIFIED", "object": pod}).encode() + b"\n")
        await asyncio.sleep(3600)
        return response

    async def one(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.json_response(self.pods[request.match_info["name"]])

    async def other(self, request: web.Request) -> web.Response:
        self.requests += 1
        return web.json_response({"items": [], "metadata": {"resourceVersion": _VERSION}})

    async def count(self, request: web.Request) -> web.Response:
        return web.json_response(self.requests)

    async def end(self, request: web.Request) -> web.Response:
        self.pods = {name: _pod(name, "Succeeded") for name in self.pods}
        self.ended.set()
        return web.json_response(None)


def _pod(name: str, phase: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    states: dict[str, Any] = {
        "Running": {"running": {"startedAt": moment}},
        "Succeeded": {"terminated": {"exitCode": 0, "startedAt": moment, "finishedAt": moment}},
    }
    container = {
        "name": "base", "image": "i", "imageID": "i", "ready": True, "restartCount": 0, "state": states[phase]
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": _VERSION},
        "spec": {"nodeName": "n", "restartPolicy": "Never", "containers": [{"name": "base", "image": "i"}]},
        "status": {"phase": phase, "containerStatuses": [container]},
    }


async def main(number: int) -> None:
    """Serve until the process is ended; print the port."""
    pods = _Pods(number)
    app = web.Application()
    path = "/api/v1/namespaces/default"
    app.router.add_get(f"{path}/pods", pods.listed)
    app.router.add_get(f"{path}/pods/{{name}}", pods.one)
    app.router.add_get("/count", pods.count)
    app.router.add_post("/end", pods.end)
    app.router.add_get("/{rest:.*}", pods.other)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
