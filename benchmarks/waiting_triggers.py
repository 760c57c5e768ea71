"""Triggers in one process: ``python -m benchmarks.waiting_triggers KIND NUMBER SECONDS SERVER KUBECONFIG``.

Prints as JSON: ``start``, requests of the first 16 seconds; ``rest``, requests a second; ``cpu``, seconds a
second of waiting; ``memory``, kB a trigger; ``delay``, seconds from the end of all pods to the last event.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SETTLING = 8.0


def main() -> None:
    """Measure, and print."""
    kind, number, seconds, server, kubeconfig = sys.argv[1:]
    found = asyncio.run(_measured(kind, int(number), float(seconds), server, kubeconfig))
    print(json.dumps(found), flush=True)
    # What a trigger has open needs no tidy end here.
    os._exit(0)


async def _measured(kind: str, number: int, seconds: float, server: str, kubeconfig: str) -> dict[str, float]:
    make = _ours if kind == "ours" else _stock
    names = [f"p{each:05}" for each in range(number)]
    # The first one imports and connects what all of them use.
    ends = [asyncio.create_task(_event(make(names[0], kubeconfig)))]
    await asyncio.sleep(_SETTLING)
    before = _memory()
    ends += [asyncio.create_task(_event(make(name, kubeconfig))) for name in names[1:]]
    await asyncio.sleep(_SETTLING)
    started, cpu, began = await _count(server), time.process_time(), time.monotonic()
    memory = (_memory() - before) / number
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    rest, cpu = (await _count(server) - started) / passed, (time.process_time() - cpu) / passed
    ended = time.monotonic()
    await asyncio.to_thread(_request, f"{server}/end", "POST")
    await asyncio.wait_for(asyncio.gather(*ends), 120)
    delay = time.monotonic() - ended
    return {"start": started, "rest": rest, "cpu": cpu, "memory": memory, "delay": delay}


async def _event(trigger: Any) -> None:
    async for _ in trigger.run():
        return


def _ours(name: str, kubeconfig: str) -> Any:
    from airflow_provider_pipes.triggers.handle import JobHandle, TaskIdentity
    from airflow_provider_pipes.triggers.job import JobTrigger
    from airflow_provider_pipes.triggers.pods import BACKEND

    config = {
        "config_file": kubeconfig, "namespace": "default", "selector": "pipes/token", "container": "base"
    }  # fmt: skip
    task = TaskIdentity(dag_id="d", run_id="r", task_id=name).to_mapping()
    handle = JobHandle(
        backend=BACKEND, config=config, job_id=name, token=name, task=task, submitted=time.time(),
        deadline=time.time() + 36000,
    )  # fmt: skip
    return JobTrigger(handle.to_mapping())


def _stock(name: str, kubeconfig: str) -> Any:
    from airflow.providers.cncf.kubernetes.triggers.pod import KubernetesPodTrigger

    return KubernetesPodTrigger(
        pod_name=name,
        pod_namespace="default",
        trigger_start_time=datetime.now(UTC),
        base_container_name="base",
        kubernetes_conn_id=None,
        config_dict=json.loads(Path(kubeconfig).read_text()),
        in_cluster=False,
        get_logs=False,
    )


def _memory() -> int:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def _count(server: str) -> int:
    return int(await asyncio.to_thread(_request, f"{server}/count", "GET"))


def _request(url: str, method: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        text: bytes = answer.read()
    return text.decode()


if __name__ == "__main__":
    main()
