"""Deferred pods: what waiting for a thousand of them costs the API server and the triggerer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.airflow_home import AirflowHome
from benchmarks.harness import Row, interleaved

_PODS = 1000
# The stock trigger's figures grow with the number: a thousand of them want more memory than a laptop has.
_STOCK_PODS = 100
_SECONDS = 12
# What keeps a watch open: a list and a watch every few minutes, whatever the number of pods.
_REQUESTS_A_SECOND = 1.0


def waiting(folder: Path, runs: int) -> Iterator[Row]:
    """Compare a thousand of our triggers with a hundred KubernetesPodTriggers, once."""
    figures: dict[str, dict[str, float]] = {}

    def measure(kind: str, pods: int) -> float:
        figures[kind] = _measured(folder, kind, pods)
        return figures[kind]["rest"]

    ours, stock = interleaved(1, lambda: measure("ours", _PODS), lambda: measure("stock", _STOCK_PODS))
    name = f"{_STOCK_PODS} KubernetesPodTriggers"
    yield Row(
        f"{_PODS} deferred pods: requests a second at rest",
        f"{ours:.2f}",
        f"{name} {stock:.0f}",
        f"1 / {stock / max(ours, 1 / _SECONDS):.0f}",
        f"≤ {_REQUESTS_A_SECOND:g}",
        ours <= _REQUESTS_A_SECOND,
    )
    for key, what, unit in (
        ("start", "requests of the first 16 s", ""),
        ("cpu", "CPU of the triggerer at rest", " s/s"),
        ("memory", "memory a trigger", " kB"),
        ("delay", "from the end of all pods to the last event", " s"),
    ):
        mine, other = figures["ours"][key], figures["stock"][key]
        yield Row(
            f"{_PODS} deferred pods: {what}",
            f"{mine:.3g}{unit}",
            f"{name} {other:.3g}{unit}",
            f"{mine / other:.2g} x" if other else "",
            "",
            None,
        )


def _measured(folder: Path, kind: str, pods: int) -> dict[str, float]:
    environment = {**AirflowHome(folder / kind).environment, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    with _server(pods) as address:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(address))
        command = [sys.executable, "-m", "benchmarks.waiting_triggers", kind, str(pods), str(_SECONDS)]
        done = subprocess.run(
            [*command, address, str(kubeconfig)], env=environment, capture_output=True, text=True, timeout=300
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def _server(pods: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.pods_server", str(pods)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the API server has no output to read its port from")
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _kubeconfig(address: str) -> str:
    named = {"name": "fake"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{**named, "cluster": {"server": address}}],
            "users": [{**named, "user": {"token": "none"}}],
            "contexts": [{**named, "context": {"cluster": "fake", "user": "fake"}}],
        }
    )
