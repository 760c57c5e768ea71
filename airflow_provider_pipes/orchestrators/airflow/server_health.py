"""Asks a local Airflow how its components are."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime
from http.client import HTTPException
from typing import Any

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


def component_health(url: str, since: datetime) -> dict[str, bool]:
    """Return for each component whether it is healthy.

    Args:
        url: Address of the API server.
        since: When Airflow was started; an older heartbeat is that of an earlier start.
    """
    answer = _ask(f"{url}/api/v2/monitor/health")
    if answer is None:
        return dict.fromkeys(COMPONENTS, False)
    health = {"api-server": answer.get("metadatabase", {}).get("status") == "healthy"}
    for component in COMPONENTS[1:]:
        name = component.replace("-", "_")
        report = answer.get(name) or {}
        beat = report.get(f"latest_{name}_heartbeat")
        fresh = beat is not None and datetime.fromisoformat(beat) >= since
        health[component] = fresh and report.get("status") == "healthy"
    return health


def _ask(url: str) -> dict[str, Any] | None:
    # No proxy: the address is this machine's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            answer = json.load(response)
    except (OSError, HTTPException, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
