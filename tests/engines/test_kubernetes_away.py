"""Steps in pods while the API server is away: a pod needs it less than the worker that watches it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult
from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.harness import AirflowHome
from tests.engines.api_proxy import ApiProxy, api_proxy
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode

pytestmark = pytest.mark.airflow

AWAY_SECONDS = 12
LINES = 50

STEPS = f"""
    import time

    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step(cache=False)
    def counts(lines: int) -> int:
        note("counts")
        for number in range(lines):
            print(f"line {{number:03d}} of the log")
            time.sleep(0.4)
        note("counted")
        return 7


    @pipeline
    def counting(lines: int = {LINES}) -> None:
        counts(lines)
"""


@dataclass(frozen=True)
class Outage:
    """A run during which something happened to the API server.

    Attributes:
        seconds: From the begin of that to the end of the run.
    """

    made: EngineProject
    result: DagRunResult
    seconds: float


def _away(how: str) -> Callable[[ApiProxy], None]:
    def away(proxy: ApiProxy) -> None:
        getattr(proxy, how)()
        time.sleep(AWAY_SECONDS)
        proxy.return_()

    return away


@pytest.fixture(scope="module")
def outages(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine, kubernetes: KubernetesNode
) -> Iterator[dict[str, Outage]]:
    """All of them at once: each takes its time, and little else."""
    folder = tmp_path_factory.mktemp("away")
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:

        def begun(
            name: str, what: Callable[[ApiProxy], None], lines: int = LINES, **arguments: Any
        ) -> Future[Outage]:
            home = AirflowHome.ready(folder / name / "airflow")
            new = EngineProject.new(folder / name / "project", home, docker_engine, kubernetes)
            made = stack.enter_context(new)
            proxy = stack.enter_context(api_proxy(kubernetes.kubeconfig, folder / name))
            made.project.write("steps.py", STEPS)
            own = {"config_file": str(proxy.kubeconfig), **arguments}
            made.configure({"operator": "kubernetes"}, kubernetes=own)
            made.deploy("steps.py:counting")
            return pool.submit(_outage, made, proxy, what, lines)

        futures = {
            "refuse": begun("refuse", _away("refuse")),
            "fall_silent": begun("fall_silent", _away("fall_silent")),
            "for_good": begun("for_good", ApiProxy.refuse, 10_000, unreachable_timeout=3),
        }
        yield {name: each.result() for name, each in futures.items()}


def _outage(made: EngineProject, proxy: ApiProxy, what: Callable[[ApiProxy], None], lines: int) -> Outage:
    """Run the pipeline by way of a proxy that something happens to once the step is at work."""
    with ThreadPoolExecutor(1) as pool:
        request = DagRunRequest("counting", {"lines": lines})
        running = pool.submit(made.project.home.run_dags, [request], timeout=400)
        made.wait_for_note("counts", 240)
        time.sleep(2)
        began = time.monotonic()
        what(proxy)
        (result,) = running.result()
        return Outage(made, result, time.monotonic() - began)


@pytest.mark.parametrize("how", ["refuse", "fall_silent"])
def test_an_api_server_that_is_away_for_a_while_costs_neither_the_step_nor_a_line_of_its_log(
    outages: dict[str, Outage], how: str
) -> None:
    made, result = outages[how].made, outages[how].result
    assert result.state == "success", result.log
    found = re.findall(r"line (\d{3}) of the log", result.log)
    assert found == [f"{number:03d}" for number in range(LINES)]
    assert len(made.project.noted("counts")) == 1
    assert len(made.created()) == 1
    if how == "refuse":
        assert "broke off" in result.log
    made.wait_until_nothing_is_left()


def test_an_api_server_that_stays_away_fails_the_task_after_the_time_that_the_user_chose(
    outages: dict[str, Outage],
) -> None:
    made, result = outages["for_good"].made, outages["for_good"].result
    # Without that choice it takes 600 s.
    assert outages["for_good"].seconds < 300
    assert result.state == "failed", result.log
    assert "the Kubernetes API does not answer" in result.log
    # It knows nothing of all that.
    wait_until(lambda: [each.status.phase for each in made.pods()] == ["Running"], "the pod at work", 5)
