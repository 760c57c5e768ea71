"""A way to the API server that can be cut, which leaves the server itself to the other tests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]

T = TypeVar("T")


class ApiProxy:
    """Passes connections on to an API server, until it is cut.

    Attributes:
        kubeconfig: Leads to the server by way of this.
    """

    def __init__(self, kubeconfig: Path, written: Path) -> None:
        found = yaml.safe_load(kubeconfig.read_text())
        cluster = found["clusters"][0]["cluster"]
        server = urlsplit(cluster["server"])
        self._server = (server.hostname, server.port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows: asyncio.Event
        self._listener: asyncio.Server | None = None
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._called(self._begin())
        cluster["server"] = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = written
        written.write_text(yaml.safe_dump(found))

    def refuse(self) -> None:
        """Be gone: break all connections and take no more."""
        self._called(self._stop())

    def fall_silent(self) -> None:
        """Be a server that hangs: keep connections, take more, and answer nothing."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def return_(self) -> None:
        """Answer again."""
        self._called(self._begin())

    def close(self) -> None:
        """End."""
        self.refuse()
        self._called(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _called(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _begin(self) -> None:
        if not self._port:
            self._flows = asyncio.Event()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port)
            self._port = self._listener.sockets[0].getsockname()[1]
        self._flows.set()

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0.1)  # What was aborted is closed in the loop's next rounds.

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(*self._server)
        both = {writer, to_there}
        self._writers |= both
        try:
            await asyncio.gather(self._copy(reader, to_there), self._copy(there, writer))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort() if writer.transport.is_closing() else writer.close()


@contextmanager
def api_proxy(kubeconfig: Path, folder: Path) -> Iterator[ApiProxy]:
    """Give a way to the API server of a kubeconfig.

    Args:
        kubeconfig: Of the server.
        folder: Where the other one is written.
    """
    proxy = ApiProxy(kubeconfig, folder / "by-proxy.yaml")
    try:
        yield proxy
    finally:
        proxy.close()
