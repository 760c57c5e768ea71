from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import LocalAirflowError
from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
from airflow_provider_pipes.orchestrators.airflow.server_record import read_record
from tests.airflow.harness import AirflowHome, DagRunRequest, wait_until
from tests.airflow.rest import RestError
from tests.airflow.running import RunningAirflow, free_port, run_airflow

pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("airflow")]

STOCK = """
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG, Param

    def double(params):
        return {"doubled": params["n"] * 2}

    with DAG("DAG_ID", schedule=None, params={"n": Param(1, type="integer")}):
        PythonOperator(task_id="double", python_callable=double)
"""
FAILING = """
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG

    def fail():
        raise RuntimeError("on purpose")

    with DAG("failing", schedule=None):
        PythonOperator(task_id="fail", python_callable=fail)
"""
# Leaves a process that is in no session and environment of Airflow and does not go when asked.
STUBBORN = """
    import signal, subprocess, sys, time
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG

    def start():
        wait = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", wait], env={}, start_new_session=True)
        time.sleep(600)

    with DAG("stubborn", schedule=None):
        PythonOperator(task_id="start", python_callable=start)
"""


def stock(dag_id: str) -> str:
    return STOCK.replace("DAG_ID", dag_id)


def test_dags_test_gives_states_and_xcoms(airflow_home: AirflowHome) -> None:
    airflow_home.add_dag("stock.py", stock("stock"))

    run = airflow_home.dags_test("stock", {"n": 21}).check()

    assert run.states == {"double": "success"}
    assert run.xcom("double") == {"doubled": 42}
    assert airflow_home.dags_test("stock", {"n": "x"}).state == "error"


def test_several_dags_run_in_one_process(airflow_home: AirflowHome) -> None:
    airflow_home.add_dag("stock.py", stock("stock"))
    airflow_home.add_dag("failing.py", FAILING)

    first, second, failing, missing = airflow_home.run_dags(
        [DagRunRequest("stock", {"n": 2}), DagRunRequest("stock", {"n": 3}), "failing", "missing"]
    )

    assert [first.xcom("double"), second.xcom("double")] == [{"doubled": 4}, {"doubled": 6}]
    assert failing.states == {"fail": "failed"}
    assert "on purpose" in failing.log
    assert missing.state == "error"
    assert "no DAG 'missing'; there are: " in missing.error


def test_the_dag_bag_tells_ids_and_errors(airflow_home: AirflowHome) -> None:
    airflow_home.add_dag("stock.py", stock("stock"))
    broken = airflow_home.add_dag("broken.py", "from airflow.sdk import DAG\n1 / 0\n")

    dags, errors = airflow_home.load_dags()

    assert dags == ["stock"]
    assert "ZeroDivisionError" in errors[str(broken)]


@pytest.mark.postgres
def test_dags_run_on_postgresql(postgres_home: AirflowHome) -> None:
    postgres_home.add_dag("stock.py", stock("stock"))

    (run,) = postgres_home.run_dags([DagRunRequest("stock", {"n": 4})])

    assert run.check().xcom("double") == {"doubled": 8}
    assert postgres_home.rows("SELECT conf FROM dag_run") == [{"conf": {"n": 4}}]


def test_a_dag_runs_by_command_and_by_rest(running_airflow: RunningAirflow) -> None:
    home, api = running_airflow.home, running_airflow.api
    home.add_dag("stock.py", stock("stock"))
    api.unpause("stock")

    home.airflow("dags", "trigger", "stock", "--run-id", "by-command", "--conf", json.dumps({"n": 5}))
    by_rest = api.trigger("stock", {"n": 6})

    api.wait_for_run("stock", "by-command")
    api.wait_for_run("stock", by_rest)
    assert api.xcom("stock", "by-command", "double") == {"doubled": 10}
    assert api.xcom("stock", by_rest, "double") == {"doubled": 12}
    assert api.states("stock", by_rest) == {"double": "success"}
    assert "Done. Returned value was" in api.log("stock", by_rest, "double")
    with pytest.raises(RestError, match="'x' is not of type 'integer'"):
        api.trigger("stock", {"n": "x"})


def test_a_cleared_task_runs_again(running_airflow: RunningAirflow) -> None:
    api = running_airflow.api
    running_airflow.home.add_dag("cleared.py", stock("cleared"))
    run = api.run("cleared")

    api.clear("cleared", run, ["double"])

    api.wait_for_run("cleared", run)
    assert api.task("cleared", run, "double")["try_number"] == 2


def test_a_failed_run_is_reported_with_its_log(running_airflow: RunningAirflow) -> None:
    api = running_airflow.api
    running_airflow.home.add_dag("failing.py", FAILING)
    api.unpause("failing")
    run = api.trigger("failing")

    with pytest.raises(AssertionError, match="on purpose"):
        api.wait_for_run("failing", run)


def test_a_changed_dag_is_seen_within_seconds(running_airflow: RunningAirflow) -> None:
    home, api = running_airflow.home, running_airflow.api
    home.add_dag("changing.py", stock("changing"))
    api.run("changing")
    version = api.version_of("changing")

    home.add_dag("changing.py", stock("changing").replace("task_id=", "retries=1, task_id="))

    api.wait_for_dag("changing", version + 1, seconds=20)


def test_up_again_leaves_what_runs_alone(running_airflow: RunningAirflow) -> None:
    server, lines = running_airflow.server, list[str]()
    pid = server.status().pid

    address = server.up(timeout=30, on_progress=lines.append)

    assert lines[0] == f"Airflow is already running at {address.url}"
    assert server.status().pid == pid
    assert server.status().healthy
    assert address.password_file.stat().st_mode & 0o077 == 0


def test_up_with_other_settings_says_to_stop_first(running_airflow: RunningAirflow, tmp_path: Path) -> None:
    server = running_airflow.server
    with pytest.raises(LocalAirflowError, match=r"already running with port .*`pipes down`"):
        LocalAirflow(server.home, server.dags_folder, free_port()).up()
    with pytest.raises(LocalAirflowError, match="already running with dags folder"):
        LocalAirflow(server.home, tmp_path, server.port).up()


def test_a_busy_port_is_named(running_airflow: RunningAirflow, tmp_path: Path) -> None:
    busy = running_airflow.server.port
    with pytest.raises(LocalAirflowError, match=rf"port {busy} is in use.*--port"):
        LocalAirflow(tmp_path / "home", tmp_path / "dags", busy).up()
    assert not LocalAirflow(tmp_path / "home", tmp_path / "dags", busy).status().running


@pytest.fixture
def other_airflow(airflow_home: AirflowHome) -> Iterator[RunningAirflow]:
    with run_airflow(airflow_home) as running:
        yield running


def test_down_leaves_no_process(other_airflow: RunningAirflow) -> None:
    other_airflow.home.add_dag("stubborn.py", STUBBORN)
    other_airflow.api.unpause("stubborn")
    run = other_airflow.api.trigger("stubborn")
    record = read_record(other_airflow.server.home / "pipes-airflow.json")
    assert record
    before = {each.pid for each in record.leader.family()}
    other_airflow.api.wait_for_task("stubborn", run, "start", ["running"])
    wait_until(lambda: any(each.session not in before for each in record.leader.family()), "the new session")

    assert other_airflow.server.down()

    assert record.leader.family() == []
    status = other_airflow.server.status()
    assert not status.running
    assert not any(status.components.values())
    assert not other_airflow.server.down()


@pytest.mark.postgres
def test_a_dag_runs_on_postgresql(postgres_airflow: RunningAirflow) -> None:
    postgres_airflow.home.add_dag("stock.py", stock("stock"))
    run = postgres_airflow.api.run("stock", {"n": 7})
    assert postgres_airflow.api.xcom("stock", run, "double") == {"doubled": 14}


@pytest.mark.postgres
def test_a_backfill_makes_a_run_a_day(postgres_airflow: RunningAirflow) -> None:
    api = postgres_airflow.api
    daily = stock("daily").replace(
        "schedule=None", 'schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False'
    )
    postgres_airflow.home.add_dag("daily.py", "    from datetime import datetime\n" + daily)
    api.unpause("daily")

    api.backfill("daily", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z")

    def runs() -> list[str] | None:
        found = [each for each in api.dag_runs("daily") if each["run_type"] == "backfill"]
        return [each["dag_run_id"] for each in found] if len(found) == 3 else None

    for run in wait_until(runs, "three runs"):
        api.wait_for_run("daily", run)
