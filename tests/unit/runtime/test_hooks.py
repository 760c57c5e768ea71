from __future__ import annotations

import pytest

from airflow_provider_pipes.errors import RunFailedError, StepFailedError
from tests.project import UserProject

# The components are of a plugin of the project's own; it writes down what is called.
PLUGIN = """
    from pathlib import Path

    from airflow_provider_pipes.step_operators.subprocess import SubprocessStepOperator
    from airflow_provider_pipes.step_operators.subprocess_flavor import SubprocessStepOperatorFlavor
    from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreFlavor

    LOG = Path(__file__).with_name("log.txt")


    def note(text):
        with LOG.open("a") as file:
            file.write(text + "\\n")


    class NotingStore(LocalArtifactStore):
        def prepare_step_run(self, info):
            note(f"prepare {info.config.name} {info.run_name}")
            if (LOG.parent / "refuse").exists():
                raise RuntimeError("not now")

        def cleanup_step_run(self, info, step_failed):
            note(f"cleanup {info.config.name} {step_failed}")


    class NotingStoreFlavor(LocalArtifactStoreFlavor):
        @property
        def name(self):
            return "noting"

        @property
        def implementation_class(self):
            return NotingStore


    class NotingOperator(SubprocessStepOperator):
        def prepare_step_run(self, info):
            note(f"operator {info.config.name}")


    class NotingOperatorFlavor(SubprocessStepOperatorFlavor):
        @property
        def name(self):
            return "noting"

        @property
        def implementation_class(self):
            return NotingOperator
"""
CONFIG = """
    active_stack = "team"
    [flavors.artifact_store]
    noting = "plugin:NotingStoreFlavor"
    [flavors.step_operator]
    noting = "plugin:NotingOperatorFlavor"
    [stacks.team]
    orchestrator = "local"
    artifact_store = "noting"
    step_operators = ["child"]
    [artifact_stores.noting]
    flavor = "noting"
    [step_operators.child]
    flavor = "noting"
"""
TEXT = """
    import plugin

    @step
    def good() -> int:
        return 1

    @step
    def bad() -> int:
        raise ValueError("no")

    @step(step_operator="child")
    def remote() -> int:
        return 2

    @pipeline
    def fine():
        remote.after(good())()

    @pipeline
    def failing():
        bad()
"""


@pytest.fixture
def app(project: UserProject) -> UserProject:
    project.write("pipes.toml", CONFIG)
    project.write("plugin.py", PLUGIN)
    return project.pipeline(TEXT)


def log(project: UserProject) -> list[str]:
    return (project.root / "log.txt").read_text().splitlines()


def test_components_prepare_and_clean_up_in_the_process_that_runs_the_step(
    app: UserProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The snapshot's plugin.py writes beside itself, so the child is given the project's own.
    monkeypatch.setenv("PYTHONPATH", str(app.root))
    run = app.run("pipeline.py:fine", run_name="one", use_cache=False)
    assert run.value("remote") == 2
    here = log(app)
    assert here[:2] == ["prepare good one", "cleanup good False"]


def test_a_step_that_fails_is_cleaned_up_as_failed(app: UserProject) -> None:
    with pytest.raises(RunFailedError, match="step 'bad' failed: ValueError: no"):
        app.run("pipeline.py:failing", run_name="one")
    assert log(app) == ["prepare bad one", "cleanup bad True"]


def test_a_component_that_can_not_prepare_fails_the_step(app: UserProject) -> None:
    app.write("refuse", "")
    with pytest.raises(
        RunFailedError,
        match="'good' failed: artifact store 'noting' raised RuntimeError in prepare_step_run: not now",
    ):
        app.run("pipeline.py:fine", run_name="one")
    assert log(app) == ["prepare good one"]


class Unclean:
    """A project whose store can't clean up after a step."""

    def __init__(self, project: UserProject, work: str) -> None:
        self.project = project
        source = PLUGIN.replace(
            'note(f"cleanup {info.config.name} {step_failed}")', 'raise OSError("the disk is full")'
        )
        project.write("pipes.toml", CONFIG)
        project.write("plugin.py", source)
        project.pipeline(
            f"    import plugin\n\n    @step(retries=2)\n    def work() -> int:\n        {work}\n\n"
            "    @pipeline\n    def p():\n        work()\n"
        )


def test_a_steps_own_error_counts_where_the_cleanup_raises_too(
    app: UserProject, caplog: pytest.LogCaptureFixture
) -> None:
    unclean = Unclean(app, "raise ValueError('no')")
    with pytest.raises(RunFailedError, match="step 'work' failed: ValueError: no") as caught:
        unclean.project.run(run_name="one")
    assert isinstance(caught.value.__cause__, ValueError)
    said = "after step 'work': artifact store 'noting' raised OSError in cleanup_step_run: the disk is full"
    assert said in caplog.text


def test_a_step_is_skipped_where_the_cleanup_raises(app: UserProject) -> None:
    run = Unclean(app, "raise SkipStep('no news')").project.run(run_name="one")
    assert run.listener.events == [("started 1", "work"), ("skipped", "work")]


def test_a_step_that_refuses_retries_is_not_tried_again_where_the_cleanup_raises(app: UserProject) -> None:
    unclean = Unclean(app, "raise FailWithoutRetry('bad data')")
    with pytest.raises(RunFailedError, match="step 'work' failed: FailWithoutRetry: bad data"):
        unclean.project.run(run_name="one")
    assert app.listener.ran() == ["work"]


def test_a_step_fails_where_only_the_cleanup_raises(app: UserProject) -> None:
    said = "artifact store 'noting' raised OSError in cleanup_step_run: the disk is full"
    with pytest.raises(RunFailedError, match=f"step 'work' failed: {said}") as caught:
        Unclean(app, "return 1").project.run(run_name="one")
    assert isinstance(caught.value.__cause__, StepFailedError)
    assert "plugin.py" in caught.value.__cause__.traceback_text


def test_a_stack_without_hooks_imports_no_component(project: UserProject) -> None:
    project.pipeline(
        "    @step\n    def good() -> int:\n        return 1\n\n    @pipeline\n    def p():\n        good()\n"
    )
    deployment = project.deployment()
    assert [component.hooks for component in deployment.stack.components] == [False, False]
