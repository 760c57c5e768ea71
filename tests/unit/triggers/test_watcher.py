"""The watcher of pods against an API server with faults that a real one can't be made to show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.triggers import watcher as watching
from airflow_provider_pipes.triggers.backend import JobPhase, JobStatus
from airflow_provider_pipes.triggers.pods import BACKEND
from airflow_provider_pipes.triggers.watcher import JobWatcher, shared_watcher
from tests.unit.triggers.fake_api import FakeApi, running

Scenario = Callable[[FakeApi, JobWatcher], Awaitable[Any]]


def play(folder: Path, scenario: Scenario, **config: Any) -> FakeApi:
    async def main() -> FakeApi:
        api = FakeApi()
        async with running(api, folder) as config_of:
            watcher = shared_watcher(BACKEND, {**config_of("first"), **config})
            async with asyncio.timeout(20):
                await scenario(api, watcher)
            assert watcher._task is not None
            watcher._task.cancel()
            await asyncio.gather(watcher._task, return_exceptions=True)
        return api

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(watching, "_LONGEST_DELAY", 0.05)
    monkeypatch.setattr(watching, "_GRACE", 0.2)


async def end_of(watcher: JobWatcher, job: str) -> JobPhase:
    status = JobStatus(JobPhase.UNKNOWN)
    while not status.over:
        status = await watcher.changed(job, status)
    return status.phase


async def watched(api: FakeApi, times: int = 1) -> None:
    while api.count("watch") < times:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


def test_a_thousand_waiters_share_one_list_and_one_watch(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        names = [f"p{number}" for number in range(1000)]
        for name in names:
            api.set(name, "Running")
        ends = [asyncio.create_task(end_of(watcher, name)) for name in names]
        await watched(api)
        for name in names:
            api.set(name, "Succeeded")
        assert set(await asyncio.gather(*ends)) == {JobPhase.SUCCEEDED}

    api = play(tmp_path, scenario)
    assert api.requests == ["list", "list", "watch"]


def test_an_expired_version_leads_to_a_new_list(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Running")
        end = asyncio.create_task(end_of(watcher, "p"))
        await watched(api)
        api.pods["p"]["status"]["phase"] = "Failed"  # While nothing is told of it.
        api.send_error(410)
        assert await end is JobPhase.FAILED

    assert play(tmp_path, scenario).count("list") == 2


def test_a_watch_refused_as_expired_leads_to_a_new_list(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Running")
        api.faults["watch"] = [410]
        end = asyncio.create_task(end_of(watcher, "p"))
        await watched(api, 2)
        api.set("p", "Succeeded")
        assert await end is JobPhase.SUCCEEDED

    assert play(tmp_path, scenario).requests == ["list", "watch", "list", "watch"]


def test_a_stream_cut_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Running")
        end = asyncio.create_task(end_of(watcher, "p"))
        await watched(api)
        api.cut()
        api.pods["p"]["status"]["phase"] = "Succeeded"
        assert await end is JobPhase.SUCCEEDED

    play(tmp_path, scenario)


def test_an_api_that_is_away_for_a_while_fails_no_job_and_is_told_once(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Running")
        api.faults["list"] = [500, 503, 500, 500]
        told: list[str] = []
        status = JobStatus(JobPhase.UNKNOWN)
        api_ends = asyncio.get_running_loop().call_later(1, api.set, "p", "Succeeded")
        while not status.over:
            status = await watcher.changed("p", status)
            told.append(status.told)
        api_ends.cancel()
        assert status.phase is JobPhase.SUCCEEDED
        assert len([each for each in told if "does not answer" in each]) == 1

    play(tmp_path, scenario)


def test_an_api_that_stays_away_is_given_up_after_the_time_for_it(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.faults["list"] = ["down"]
        status = JobStatus(JobPhase.UNKNOWN)
        while not status.over:
            status = await watcher.changed("p", status)
        assert status.phase is JobPhase.UNREACHABLE
        assert "unreachable_timeout" in status.told
        assert "503 told" in status.told
        api.faults.clear()
        api.set("p", "Succeeded")
        assert await end_of(watcher, "p") is JobPhase.SUCCEEDED  # Who comes later begins afresh.

    play(tmp_path, scenario, unreachable_timeout=0.3)


def test_credentials_are_read_again_when_they_expired(tmp_path: Path) -> None:
    async def main() -> list[str | None]:
        api = FakeApi()
        api.set("p", "Succeeded")
        api.faults["list"] = [401]
        async with running(api, tmp_path) as config_of:
            watcher = shared_watcher(BACKEND, config_of("first"))
            end = asyncio.create_task(end_of(watcher, "p"))
            while not api.requests:
                await asyncio.sleep(0)
            config_of("second")
            assert await asyncio.wait_for(end, 10) is JobPhase.SUCCEEDED
            assert watcher._task is not None
            watcher._task.cancel()
        return api.tokens

    tokens = asyncio.run(main())
    assert (tokens[0], tokens[1]) == ("Bearer first", "Bearer second")


def test_a_job_that_is_gone_says_so(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Running")
        end = asyncio.create_task(end_of(watcher, "p"))
        await watched(api)
        api.delete("p")
        assert await end is JobPhase.GONE
        assert await end_of(watcher, "never-there") is JobPhase.GONE

    assert play(tmp_path, scenario).count("get") == 1


def test_a_job_started_after_the_list_is_not_taken_for_gone(tmp_path: Path) -> None:
    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("first", "Running")
        first = asyncio.create_task(end_of(watcher, "first"))
        await watched(api)
        # Its event is on the way when somebody waits for it already.
        late = asyncio.create_task(end_of(watcher, "late"))
        await asyncio.sleep(0.05)
        api.set("late", "Running")
        await asyncio.sleep(0.4)
        assert not late.done()
        api.set("late", "Succeeded")
        api.set("first", "Succeeded")
        assert await late is JobPhase.SUCCEEDED
        await first

    assert play(tmp_path, scenario).count("get") == 0


def test_an_idle_watcher_ends_and_a_new_job_starts_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LINGER", 0.1)

    async def scenario(api: FakeApi, watcher: JobWatcher) -> None:
        api.set("p", "Succeeded")
        await end_of(watcher, "p")
        await asyncio.sleep(0.3)
        assert watcher._task is not None
        assert watcher._task.done()
        assert await end_of(watcher, "p") is JobPhase.SUCCEEDED

    assert play(tmp_path, scenario).count("list") == 2


def test_a_backend_that_the_triggerer_lacks_is_a_clear_error() -> None:
    async def main() -> None:
        shared_watcher("airflow_provider_pipes.triggers.pods:Missing", {})

    with pytest.raises(ConfigurationError, match="install the same airflow-provider-pipes in the triggerer"):
        asyncio.run(main())
