"""Steps in pods while the API server is away: a pod needs it less than the worker that watches it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.testing.airflow_results import DagRunRequest, DagRunResult
from airflow_provider_pipes.testing.dag_files import new_home
from tests.engines.api_proxy import ApiProxy, api_proxy
from tests.engines.docker_engine import DockerEngine
from tests.engines.kubernetes_node import KubernetesNode
from tests.engines.step_image import KubernetesProject, kubernetes_step_image

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


@pytest.fixture(scope="module")
def image(docker_engine: DockerEngine, kubernetes: KubernetesNode) -> str:
    return kubernetes_step_image(docker_engine, kubernetes)


def run(
    folder: Path,
    node: KubernetesNode,
    image: str,
    break_off: Callable[[ApiProxy], None],
    lines: int = LINES,
    **arguments: Any,
) -> tuple[KubernetesProject, DagRunResult]:
    """Run the pipeline by way of a proxy that something happens to once the step is at work."""
    home = new_home(folder / "airflow")
    steps = KubernetesProject.new(folder / "project", home, node, image)
    steps.project.write("steps.py", STEPS)
    with api_proxy(node.kubeconfig, folder) as proxy, ThreadPoolExecutor(1) as pool:
        steps.deploy("steps.py:counting", config_file=str(proxy.kubeconfig), **arguments)
        running = pool.submit(home.run_dags, [DagRunRequest("counting", {"lines": lines})], timeout=200)
        steps.wait_for_note("counts", 120)
        time.sleep(2)
        break_off(proxy)
        (result,) = running.result()
    return steps, result


@pytest.mark.parametrize("how", ["refuse", "fall_silent"])
def test_an_api_server_that_is_away_for_a_while_costs_neither_the_step_nor_a_line_of_its_log(
    tmp_path: Path, kubernetes: KubernetesNode, image: str, how: str
) -> None:
    def away(proxy: ApiProxy) -> None:
        getattr(proxy, how)()
        time.sleep(AWAY_SECONDS)
        proxy.return_()

    steps, result = run(tmp_path, kubernetes, image, away)

    assert result.state == "success", result.log
    found = re.findall(r"line (\d{3}) of the log", result.log)
    assert found == [f"{number:03d}" for number in range(LINES)]
    assert len(steps.project.noted("counts")) == 1
    assert len(steps.created()) == 1
    if how == "refuse":
        assert "broke off" in result.log
    steps.wait_until_nothing_is_left(30)


def test_an_api_server_that_stays_away_fails_the_task_after_the_time_that_the_user_chose(
    tmp_path: Path, kubernetes: KubernetesNode, image: str
) -> None:
    began = []

    def for_good(proxy: ApiProxy) -> None:
        began.append(time.monotonic())
        proxy.refuse()

    steps, result = run(tmp_path, kubernetes, image, for_good, lines=10_000, unreachable_timeout=3)

    assert time.monotonic() - began[0] < 120
    assert result.state == "failed", result.log
    assert "the Kubernetes API does not answer" in result.log
    steps.wait_for_running_pod(1)  # It knows nothing of all that.
