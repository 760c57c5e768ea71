"""The pytest plugin: light, silent where it is not used, and its fixtures clean up whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_provider_pipes.testing import plugin
from tests.testing.suites import PLUGIN, plugin_options, run_tests
from tests.testing.sums import SUMS

pytest_plugins = ["pytester"]

MEASURE = f"""
import json, pytest, sys, time
before = set(sys.modules)
begin = time.perf_counter()
import {PLUGIN}
seconds = time.perf_counter() - begin
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""
OURS = {
    "airflow_provider_pipes",
    "airflow_provider_pipes.testing",
    "airflow_provider_pipes.testing.plugin",
    "airflow_provider_pipes.lazy",
    "airflow_provider_pipes.version",
}


def measured() -> tuple[float, set[str]]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def test_loading_the_plugin_is_light() -> None:
    found = [measured() for _ in range(5)]
    assert min(seconds for seconds, _ in found) < 0.02
    assert found[0][1] - set(sys.stdlib_module_names) == OURS


def test_the_plugin_has_no_hooks_options_or_markers() -> None:
    assert [name for name in vars(plugin) if name.startswith("pytest_")] == []
    found = {
        name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"
    }
    assert found == {"pipes_airflow", "pipes_airflow_home", "pipes_stack"}


def test_a_run_that_does_not_use_it_is_as_without_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy_is_imported():
            ours = {name for name in sys.modules if name.startswith("airflow_provider_pipes")}
            assert not ours - OURS
            assert not {"airflow", "pydantic", "fsspec", "typer"} & set(sys.modules)
        """.replace("OURS", repr(OURS))
    )
    result, outcomes = run_tests(pytester)
    assert [each.state for each in outcomes] == ["passed"]
    result.stdout.no_fnmatch_line("*warning*")


def test_every_fixture_is_documented(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess("--fixtures", *plugin_options())
    for name in ("pipes_stack", "pipes_airflow_home", "pipes_airflow"):
        result.stdout.fnmatch_lines([f"{name}*"])


def test_a_users_tests_pass_and_their_failures_can_be_read(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(sums=SUMS)
    pytester.makepyfile(
        """
        from pathlib import Path

        from sums import sums

        from airflow_provider_pipes.testing import run_pipeline

        def test_passes(pipes_stack):
            assert pipes_stack.run(sums, {"extra": 4}).value("total") == 10
            assert pipes_stack.run(sums, {"extra": 4}).cached == ["load", "total"]
            assert pipes_stack.storage.list("runs") == ["sums"]
            assert not Path(".pipes").exists(), "nothing is left where the pipeline comes from"

        def test_writes_a_project(pipes_stack):
            pipes_stack.write("own.py", '''
                from airflow_provider_pipes import pipeline, step

                @step
                def one() -> int:
                    return 1

                @pipeline
                def p():
                    one()
            ''')
            assert pipes_stack.run("own.py:p").value("one") == 1

        def test_fails():
            assert run_pipeline(sums, parameters={"extra": -1}).value("total") == 5
        """
    )
    result, outcomes = run_tests(pytester)
    assert {each.test: each.state for each in outcomes} == {
        "test_passes": "passed",
        "test_writes_a_project": "passed",
        "test_fails": "failed",
    }
    result.stdout.fnmatch_lines(
        [
            "E * AssertionError: step 'total' has no outputs: it failed: ValueError: negative: -1",
            "E *sums.py*, in total",
        ]
    )
    result.stdout.no_fnmatch_line("*airflow_provider_pipes/testing/*")


AIRFLOW = """
    import json
    import os
    import signal
    import time
    from pathlib import Path

    from sums import sums

    def test_the_home_is_ready(pipes_airflow_home):
        assert pipes_airflow_home.rows("SELECT dag_id FROM dag") == []

    def test_a_pipeline_runs(pipes_airflow):
        dag_id = pipes_airflow.deploy(sums)
        done = pipes_airflow.run(dag_id, {"extra": 4})
        assert done.states == {"load": "success", "total": "success"}
        assert done.outputs() == {"load": {"output": [1, 2, 3]}, "total": {"output": 10}}
        assert "Running step 'total'" in pipes_airflow.log(dag_id, done.run_id, "total")
        assert pipes_airflow.deploy("sums.py:sums") == dag_id
        run_id = pipes_airflow.trigger(dag_id, {"extra": -1})
        failed = pipes_airflow.wait(dag_id, run_id, "failed")
        assert pipes_airflow.states(dag_id, run_id)["total"] == "failed"

    def test_the_end(pipes_airflow):
        record = json.loads((pipes_airflow.home.path / "pipes-airflow.json").read_text())
        Path("marker").write_text(record["leader"]["marker"])
        how = os.environ["THE_END"]
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(60)
"""


def marked(marker: str) -> list[str]:
    """Return the processes of an Airflow that was started with a marker."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and marker.encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.airflow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by their environment")
@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_a_running_airflow_serves_tests_and_is_stopped_however_they_end(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("THE_END", end)
    pytester.makefile(".toml", pipes="")
    pytester.makepyfile(sums=SUMS)
    pytester.makepyfile(test_airflow=AIRFLOW)
    if end == "SIGINT":
        result, outcomes = run_tests(pytester)
        states = {each.test: (each.state, each.message) for each in outcomes}
        assert states["test_the_home_is_ready"][0] == "passed", states
        assert states["test_a_pipeline_runs"][0] == "passed", states
        result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    else:
        pytester.runpytest_subprocess(*plugin_options(), "-k", "the_end", timeout=200)
    marker = (pytester.path / "marker").read_text()
    deadline = time.monotonic() + 60
    while marked(marker) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert marked(marker) == []
