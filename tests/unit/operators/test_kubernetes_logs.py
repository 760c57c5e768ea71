from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from urllib3.exceptions import ProtocolError

from airflow_provider_pipes.operators import kubernetes_logs
from airflow_provider_pipes.operators.kubernetes_logs import LogReader

OUT = b"2026-01-01T00:00:00.000000200Z from the output\n"
EARLIER = b"2026-01-01T00:00:00.0000001Z from the errors\n"
NEXT = b"2026-01-01T00:00:01.5Z next\n"


class Api:
    """Gives the log of a container as one connection after another sees it; each breaks off but the last."""

    def __init__(self, *connections: list[bytes]) -> None:
        self.connections = list(connections)

    def read_namespaced_pod_log(self, *_: Any, **__: Any) -> Any:
        yield from self.connections.pop(0)
        if self.connections:
            raise ProtocolError("the connection broke")


def _read(caplog: pytest.LogCaptureFixture, *connections: list[bytes]) -> list[str]:
    log = logging.getLogger("test-of-kubernetes-logs")
    api = Api(*connections)
    run = SimpleNamespace(operator=SimpleNamespace(client=api, log=log))
    pod = SimpleNamespace(metadata=SimpleNamespace(name="pod", namespace="ml"))
    reader = LogReader(cast(Any, run), cast(Any, pod), "base")
    with caplog.at_level(logging.INFO, log.name):
        while api.connections:
            reader.follow()
    return [each.getMessage() for each in caplog.records if each.levelno == logging.INFO]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_logs, "_RETRY_SECONDS", 0)


def test_a_line_of_the_other_stream_that_comes_late_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    assert _read(caplog, [OUT, EARLIER, NEXT]) == ["from the output", "from the errors", "next"]


def test_lines_that_come_again_are_written_once(caplog: pytest.LogCaptureFixture) -> None:
    again = _read(caplog, [OUT], [OUT, EARLIER], [OUT, EARLIER, NEXT])
    assert again == ["from the output", "from the errors", "next"]


def test_what_was_written_long_ago_is_not_written_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_logs, "_KEPT_LINES", 2)
    lines = [f"2026-01-01T00:00:0{number}Z {number}\n".encode() for number in range(6)]
    assert _read(caplog, lines[:4], lines) == [str(number) for number in range(6)]
