"""When the backend of pods deletes one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.errors import ConfigurationError, StepOperatorError
from airflow_provider_pipes.triggers.backend import JobPhase
from airflow_provider_pipes.triggers.pods import ATTEMPT_ANNOTATION, PodBackend
from tests.unit.triggers.fake_api import FakeApi, running


def cancel(folder: Path, api: FakeApi, attempt: str | None = "try-1") -> None:
    async def main() -> None:
        async with running(api, folder) as config_of, asyncio.timeout(20):
            await PodBackend(config_of("first")).cancel("p", attempt)

    asyncio.run(main())


def api_with(phase: str, **metadata: Any) -> FakeApi:
    api = FakeApi()
    api.set("p", phase)
    api.pods["p"]["metadata"].update(metadata)
    return api


def marked(attempt: str) -> dict[str, dict[str, str]]:
    return {"annotations": {ATTEMPT_ANNOTATION: attempt}}


@pytest.mark.parametrize("attempt", ["try-1", None])
def test_an_active_pod_is_deleted_also_where_it_was_marked_by_nobody(
    tmp_path: Path, attempt: str | None
) -> None:
    api = api_with("Running")
    cancel(tmp_path, api, attempt)
    assert api.pods == {}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_is_never_deleted(tmp_path: Path, phase: str) -> None:
    api = api_with(phase, **marked("try-1"))
    cancel(tmp_path, api)
    assert "p" in api.pods


def test_a_pod_that_a_later_attempt_took_over_is_left_alone(tmp_path: Path) -> None:
    api = api_with("Running", **marked("try-2"))
    cancel(tmp_path, api)
    assert "p" in api.pods


def test_a_pod_that_is_gone_or_on_its_way_out_needs_nothing(tmp_path: Path) -> None:
    api = api_with("Running", deletionTimestamp="2026-01-01T00:00:00Z")
    cancel(tmp_path, api)
    assert api.count("delete") == 0
    cancel(tmp_path, FakeApi())


def test_a_pod_that_changed_since_it_was_read_is_read_again(tmp_path: Path) -> None:
    api = api_with("Running", **marked("try-1"))
    api.faults["delete"] = [409]
    cancel(tmp_path, api)
    assert api.requests == ["get", "delete", "get", "delete"]
    assert api.pods == {}


def test_a_refusal_says_what_was_refused_and_what_to_do(tmp_path: Path) -> None:
    api = api_with("Running")
    api.faults["delete"] = [403]
    with pytest.raises(
        StepOperatorError, match=r"refuses to delete pod p: 403 told; grant that right on pods"
    ):
        cancel(tmp_path, api)


def test_a_kubeconfig_that_the_triggerer_lacks_is_a_clear_error(tmp_path: Path) -> None:
    config = {"config_file": str(tmp_path / "none"), "namespace": "n", "selector": "s", "container": "base"}
    with pytest.raises(ConfigurationError, match=r"can't read config_file .* kubernetes_conn_id instead"):
        asyncio.run(PodBackend(config).status("p"))


def test_one_pod_can_be_asked_for(tmp_path: Path) -> None:
    async def main() -> list[JobPhase]:
        async with running(api_with("Running"), tmp_path) as config_of:
            backend = PodBackend(config_of("first"))
            return [(await backend.status(name)).phase for name in ("p", "q")]

    assert asyncio.run(main()) == [JobPhase.QUEUED, JobPhase.GONE]
