"""A container's log, whole and once, into the task's."""

from __future__ import annotations

import math
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this
from urllib3.exceptions import HTTPError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubernetes.client import V1Pod

    from airflow_provider_pipes.operators.kubernetes_run import PodRun

# A step may be silent for hours; the connection is opened anew where it would be taken for dead.
_SILENCE_SECONDS = 240
_CONNECT_SECONDS = 30
_RETRY_SECONDS = 1.0
# Of what was written, to know it again; more than could come in the disorder of two streams.
_KEPT_LINES = 10_000


class LogReader:
    """Follows the log of a pod's container.

    Args:
        run: Whose pod it is.
        pod: The pod.
        container: Its container.

    Attributes:
        last: Time of the last line; empty before the first.
    """

    def __init__(self, run: PodRun, pod: V1Pod, container: str) -> None:
        self.run = run
        self.pod = pod
        self.container = container
        self.last = ""
        self._written: deque[tuple[str, bytes]] = deque(maxlen=_KEPT_LINES)

    def follow(self) -> None:
        """Write each line of the log into the task's until the log ends, as it does with its container."""
        try:
            self._write(self._open())
        except ReadTimeoutError:
            return
        except (HTTPError, ApiException) as error:
            if isinstance(error, ApiException) and error.status in (401, 403, 404):
                raise
            self.run.operator.log.warning("The log of the pod broke off (%s); reading on.", error)
            time.sleep(_RETRY_SECONDS)

    def _open(self) -> Iterable[bytes]:
        since = {"since_seconds": self._seconds_since_last()} if self.last else {}
        lines: Iterable[bytes] = self.run.operator.client.read_namespaced_pod_log(
            self.pod.metadata.name,
            self.pod.metadata.namespace,
            container=self.container,
            follow=True,
            timestamps=True,
            _preload_content=False,
            _request_timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
            **since,
        )
        return lines

    def _write(self, lines: Iterable[bytes]) -> None:
        write, is_new = self.run.operator.log.info, self._filter()
        for line in lines:
            stamp, _, text = line.decode("utf-8", errors="backslashreplace").rstrip("\r\n").partition(" ")
            at = _comparable(stamp)
            if is_new(at, line):
                self.last = max(self.last, at)
                self._written.append((at, line))
                write("%s", text)

    def _filter(self) -> Callable[[str, bytes], bool]:
        """Return what tells the lines that come for the first time from those that come again.

        Times alone do not: the two outputs are stamped apart, so that an earlier line may come later.
        """
        last, written = self.last, {line for _, line in self._written}
        forgotten = len(self._written) == self._written.maxlen
        since = min(at for at, _ in self._written) if forgotten else ""
        return lambda at, line: at > last or (at >= since and line not in written)

    def _seconds_since_last(self) -> int:
        moment = datetime.fromisoformat(f"{self.last[:19]}+00:00")
        return max(1, math.ceil((datetime.now(UTC) - moment).total_seconds()) + 1)


def _comparable(stamp: str) -> str:
    """Return a time so that later ones are greater as text: the fraction comes without its last zeros."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"
