from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.errors import (
    DuplicateRunNameError,
    RunError,
    RunFailedError,
    RunNotFoundError,
    StepFailedError,
)
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.models.settings import TaskSettings
from airflow_provider_pipes.orchestrators.base import BaseOrchestrator
from airflow_provider_pipes.orchestrators.direct import retry_wait
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig
from airflow_provider_pipes.orchestrators.submission import new_run_name
from airflow_provider_pipes.stack.stack import Stack
from tests.project import UserProject

TEXT = """
    @step(cache=False)
    def first() -> int:
        return 1

    @step(cache=False{options})
    def second(n: int) -> int:
        {work}

    @step(cache=False)
    def third(n: int) -> int:
        return n + 1

    @step(cache=False)
    def aside() -> int:
        return 7

    @pipeline
    def p(limit: int = 0):
        third(second(first()))
        aside()
"""
FLAKY = """
        marker = Path(__file__).with_name("tries")
        tries = int(marker.read_text()) if marker.exists() else 0
        marker.write_text(str(tries + 1))
        if tries < {failures}:
            raise ValueError(f"try {{tries}}")
        return get_step_context().attempt
"""


def write(project: UserProject, work: str = "return n + 1", options: str = "") -> UserProject:
    return project.pipeline(TEXT.format(work=work.strip(), options=options))


def flaky(project: UserProject, failures: int, options: str) -> UserProject:
    return write(project, FLAKY.format(failures=failures), options)


def ending(project: UserProject, run_name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.storage.read(f"runs/p/{run_name}/end.json"))
    return found


class OurOrchestrator(BaseOrchestrator):
    """A direct orchestrator as document 000 has it."""

    def prepare_or_run_pipeline(self, deployment: PipelineDeployment, stack: Stack) -> Any:
        for step in deployment.steps.values():
            self.run_step(step)
        return "done"


def test_steps_run_in_order_and_their_values_flow(project: UserProject) -> None:
    run = write(project).run(run_name="one")
    assert [run.value(step) for step in ("first", "second", "third", "aside")] == [1, 2, 3, 7]
    assert run.listener.ran() == ["first", "second", "third", "aside"]
    assert ending(project, "one")["state"] == "success"


def test_a_custom_direct_orchestrator_needs_one_method(project: UserProject) -> None:
    orchestrator = OurOrchestrator("ours", BaseOrchestratorConfig())
    run = write(project).run(orchestrator=orchestrator)
    assert run.results == "done"
    assert run.listener.ran() == ["first", "second", "third", "aside"]
    again = project.run(orchestrator=orchestrator)
    assert again.listener.ran() == ["first", "second", "third", "aside"]


def test_an_orchestrator_outside_of_a_request_says_so() -> None:
    with pytest.raises(RunError, match=r"orchestrator 'ours' is not serving a request; call submit\(…\)"):
        OurOrchestrator("ours", BaseOrchestratorConfig()).submission  # noqa: B018


def test_a_retry_succeeds_and_waits_between(project: UserProject) -> None:
    options = ", retries=3, retry_delay=timedelta(seconds=0.01), retry_exponential_backoff=2"
    run = flaky(project, 2, options).run()
    assert run.value("second") == 3
    assert run.listener.ran() == ["first", "second", "second", "second", "third", "aside"]
    assert run.listener.waits == [0.01, 0.02]


def test_retries_end(project: UserProject) -> None:
    flaky(project, 9, ", retries=1")
    with pytest.raises(
        RunFailedError, match=r"step 'second' failed: ValueError: try 1\nfix it .* --resume one"
    ) as caught:
        project.run(run_name="one")
    assert project.listener.ran() == ["first", "second", "second"]
    assert isinstance(caught.value.__cause__, ValueError)
    assert ending(project, "one")["state"] == "failed"


def test_a_step_may_refuse_retries(project: UserProject) -> None:
    write(project, "raise FailWithoutRetry('bad data')", ", retries=3")
    with pytest.raises(RunFailedError, match="step 'second' failed: FailWithoutRetry: bad data"):
        project.run()
    assert project.listener.ran() == ["first", "second"]


def test_a_skipped_step_skips_what_comes_after_and_nothing_else(project: UserProject) -> None:
    run = write(project, "raise SkipStep('no news')", ", retries=3").run(run_name="one")
    assert list(run.results) == ["first", "aside"]
    assert run.listener.events == [
        ("started 1", "first"),
        ("finished", "first"),
        ("started 1", "second"),
        ("skipped", "second"),
        ("skipped", "third"),
        ("started 1", "aside"),
        ("finished", "aside"),
    ]
    assert ending(project, "one")["skipped"] == {
        "second": "no news",
        "third": "step 'second' before it was skipped",
    }


def test_an_async_step_runs(project: UserProject) -> None:
    text = TEXT.format(work="return n + 1", options="").replace("def second", "async def second")
    assert project.pipeline(text).run().value("third") == 3


STUBBORN = """
        import time
        try:
            time.sleep(30)
        except Exception:
            return 0
        finally:
            Path(__file__).with_name("cleaned").touch()
"""


def test_a_step_whose_time_is_over_is_interrupted_and_can_not_swallow_it(project: UserProject) -> None:
    write(project, STUBBORN, ", execution_timeout=timedelta(seconds=0.2)")
    with pytest.raises(
        RunFailedError, match=r"step 'second' took longer than its execution_timeout of 0:00:00.200000"
    ):
        project.run()
    assert (project.root / "cleaned").exists()


def test_a_step_that_calls_exit_does_not_end_the_run_as_a_success(project: UserProject) -> None:
    write(project, "import sys; sys.exit(0)")
    with pytest.raises(
        RunFailedError, match=r"step 'second' failed: step 'second' called sys.exit\(0\)"
    ) as caught:
        project.run()
    assert isinstance(caught.value.__cause__, StepFailedError)


def test_an_exception_whose_own_text_fails_is_told(project: UserProject) -> None:
    work = "class Odd(Exception):\n            __str__ = None\n        raise Odd"
    with pytest.raises(RunFailedError, match="step 'second' failed: Odd: <Odd whose text can't be shown>"):
        write(project, work).run()


def test_ctrl_c_interrupts_the_run_and_it_can_be_resumed(project: UserProject) -> None:
    write(project, "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        project.run(run_name="one")
    assert ending(project, "one")["state"] == "interrupted"
    run = write(project).run(run_name="one", resume=True)
    assert run.listener.ran() == ["second", "third", "aside"]


def test_a_resumed_run_keeps_what_is_finished_and_runs_the_mended_code(project: UserProject) -> None:
    write(project, "return n + limit")  # there is no such name
    with pytest.raises(RunFailedError, match="name 'limit' is not defined"):
        project.run(run_name="one", parameters={"limit": 4})
    run = write(project, "return n + 10").run(run_name="one", resume=True)
    assert run.listener.ran() == ["second", "third", "aside"]
    assert run.listener.events[0] == ("finished", "first")
    assert [run.value(step) for step in ("first", "second", "third")] == [1, 11, 12]
    assert ending(project, "one")["state"] == "success"
    again = project.run(run_name="one", resume=True)
    assert again.listener.ran() == []


def test_a_run_that_is_not_there_can_not_be_resumed(project: UserProject) -> None:
    with pytest.raises(RunNotFoundError, match="pipeline 'p' has no local run named 'one'"):
        write(project).run(run_name="one", resume=True)


def test_a_run_name_is_taken_once(project: UserProject) -> None:
    first = write(project).run(run_name="one")
    with pytest.raises(DuplicateRunNameError, match="pipeline 'p' already has a run named 'one'"):
        project.run(run_name="one")
    assert project.listener.events == []
    assert first.value("third") == 3


@pytest.mark.parametrize("run_name", ["../escape", "..", "a/b", "é" * 200, "run.json", "\ud800", " ", "-x"])
def test_any_run_name_stays_in_its_folder(project: UserProject, run_name: str) -> None:
    write(project).run(run_name=run_name)
    assert sorted(path.name for path in project.root.iterdir()) == [".pipes", "pipeline.py", "pipes.toml"]
    with pytest.raises(DuplicateRunNameError):
        project.run(run_name=run_name)


@pytest.mark.parametrize("name", ["run.json", "end.json", "manifest.json", "...", "-x", "h-1"])
def test_any_step_name_that_airflow_takes_runs(project: UserProject, name: str) -> None:
    text = "    @step(name={})\n    def one() -> int:\n        return 1\n\n"
    text += "    @pipeline\n    def p():\n        one()\n"
    assert project.pipeline(text.format(repr(name))).run().value(name) == 1


def test_two_runs_at_once_do_not_mix(project: UserProject) -> None:
    write(project, "return n + int(os.environ['ADD'])")
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from pathlib import Path\n"
        "from tests.project import UserProject\n"
        f"run = UserProject(Path({str(project.root)!r})).run(use_cache=False)\n"
        "print(run.value('third'))"
    )
    assert [project.python("-c", script, ADD=str(n)).stdout for n in (1, 5)] == ["3\n", "7\n"]


def test_parameters_arrive_in_their_declared_types(project: UserProject) -> None:
    project.pipeline(
        """
    @step
    def show(values: list) -> str:
        return repr(values)

    @pipeline
    def p(rate: float = 1, count: int = 2, maybe: float | None = None, rows: list[float] = [1]):
        show([rate, count, maybe, rows])
    """
    )
    assert project.run().value("show") == "[1.0, 2, None, [1.0]]"
    given = {"rate": 10**17, "count": 3.0, "maybe": 4, "rows": [5, 6.5]}
    assert project.run(parameters=given).value("show") == "[1e+17, 3, 4.0, [5.0, 6.5]]"


def test_no_cache_runs_everything_and_files_it_again(project: UserProject) -> None:
    project.pipeline(
        "    @step\n    def one() -> int:\n        return 1\n\n    @pipeline\n    def p():\n        one()\n"
    )
    project.run()
    assert project.run().listener.cached() == ["one"]
    assert project.run(use_cache=False).listener.ran() == ["one"]


@pytest.mark.parametrize(
    ("settings", "attempt", "wait"),
    [
        ({}, 1, 0.0),
        ({"retry_exponential_backoff": 3}, 2, 0.0),
        ({"retry_delay": timedelta(seconds=5)}, 4, 5.0),
        ({"retry_delay": timedelta(days=3)}, 1, 3 * 86400.0),
        ({"retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2}, 1, 5.0),
        ({"retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2}, 4, 40.0),
        ({"retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2}, 5000, 86400.0),
        ({"retry_delay": timedelta(seconds=5), "retry_exponential_backoff": float("inf")}, 2, 86400.0),
        (
            {
                "retry_delay": timedelta(seconds=5),
                "retry_exponential_backoff": 2,
                "max_retry_delay": timedelta(seconds=15),
            },
            3,
            15.0,
        ),
    ],
)
def test_the_wait_between_tries_grows_as_airflows_does(
    settings: dict[str, Any], attempt: int, wait: float
) -> None:
    assert retry_wait(TaskSettings(**settings), attempt) == wait


def test_a_run_name_tells_when_the_run_began() -> None:
    names = {new_run_name("p") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("p-2") for name in names)


VARIABLES = """
    @step(
        cache=False,
        docker=DockerSettings(
            environment={"PLAIN": "p"},
            secrets={
                "OF_CONNECTION": "airflow-connection:shop.password",
                "OF_AIRFLOW": "airflow-variable:key",
                "OF_PROCESS": "environment:TOKEN",
                "MY_OWN": "kubernetes-secret:a.b",
            },
        ),
    )
    def first() -> dict[str, str]:
        names = ["PLAIN", "OF_CONNECTION", "OF_AIRFLOW", "OF_PROCESS", "MY_OWN"]
        return {name: os.environ[name] for name in names}

    @step(cache=False)
    def second(found: dict[str, str]) -> list[str]:
        return [name for name in found if name in os.environ]

    @pipeline
    def p():
        second(first())
"""


def test_a_step_has_its_variables_and_leaves_none(
    project: UserProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.dumps({"conn_type": "http", "password": "open-sesame"})
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", connection)
    monkeypatch.setenv("AIRFLOW_VAR_KEY", "of airflow")
    monkeypatch.setenv("TOKEN", "of the process")
    monkeypatch.setenv("MY_OWN", "set here")
    run = project.pipeline(VARIABLES).run()
    assert run.value("first") == {
        "PLAIN": "p",
        "OF_CONNECTION": "open-sesame",
        "OF_AIRFLOW": "of airflow",
        "OF_PROCESS": "of the process",
        "MY_OWN": "set here",
    }
    assert run.value("second") == ["MY_OWN"]


def test_secrets_that_are_not_here_are_all_told_before_the_step_runs(project: UserProject) -> None:
    with pytest.raises(RunFailedError) as failed:
        project.pipeline(VARIABLES).run()
    first, *told = str(failed.value).partition("\nfix it")[0].splitlines()
    assert first == "step 'first' failed: step 'first': its secrets can't be resolved here:"
    assert [each.partition(":")[0] for each in told] == [
        "  - OF_CONNECTION",
        "  - OF_AIRFLOW",
        "  - OF_PROCESS",
        "  - MY_OWN",
    ]
    assert "there is no connection 'shop' here; define it as Airflow does" in told[0]
    assert told[1:] == [
        "  - OF_AIRFLOW: the environment has no variable AIRFLOW_VAR_KEY; or set OF_AIRFLOW itself",
        "  - OF_PROCESS: the environment has no variable TOKEN; or set OF_PROCESS itself",
        "  - MY_OWN: the Kubernetes secret 'a' is not to be had here; or set MY_OWN itself",
    ]
