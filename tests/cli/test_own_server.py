"""`pipes up`, `down` and `status` of an orchestrator that starts something of its own (document 001)."""

from __future__ import annotations

import json

from tests.cli.conftest import Project

ORCHESTRATOR = """
    from pathlib import Path

    from airflow_provider_pipes.orchestrators import BaseOrchestrator, BaseOrchestratorFlavor

    MARK = Path(__file__).with_name("up.txt")


    class Server(BaseOrchestrator):
        def prepare_or_run_pipeline(self, deployment, stack):
            for step in deployment.steps.values():
                self.run_step(step)

        def up(self):
            MARK.write_text("up")

        def down(self):
            MARK.unlink()

        @property
        def is_running(self):
            return MARK.exists()

        @property
        def log_file(self):
            return "server.log"


    class ServerFlavor(BaseOrchestratorFlavor):
        @property
        def name(self):
            return "server"

        @property
        def implementation_class(self):
            return Server
"""


def test_an_orchestrator_with_its_own_up_is_started_shown_and_stopped(numbers: Project) -> None:
    numbers.write("server.py", ORCHESTRATOR)
    numbers.pipes("orchestrator", "register", "mine", "--flavor", "server:ServerFlavor")
    numbers.pipes("stack", "register", "team", "-o", "mine", "-a", "local", "--set")

    before = numbers.pipes("status")
    up = numbers.pipes("up")
    shown = json.loads(numbers.pipes("status", "--json").out)
    down = numbers.pipes("down")

    assert (before.code, before.out) == (1, "orchestrator 'mine' is not running\n  log  server.log\n")
    assert (up.code, up.out) == (0, "orchestrator 'mine' is running\n  log  server.log\n"), up.err
    assert shown == {"running": True, "orchestrator": "mine", "log_file": "server.log"}
    assert (down.code, down.out) == (0, "orchestrator 'mine' is down\n"), down.err
    assert not (numbers.root / "up.txt").exists()


def test_options_of_airflow_mean_nothing_to_another_orchestrator(numbers: Project) -> None:
    source = ORCHESTRATOR.replace("Flavor):\n", "Flavor):\n        deploys = True\n\n")
    numbers.write("server.py", source)
    numbers.pipes("orchestrator", "register", "mine", "--flavor", "server:ServerFlavor")
    numbers.pipes("stack", "register", "team", "-o", "mine", "-a", "local", "--set")

    up = numbers.pipes("up", "--dags-folder", "dags")

    assert up.code == 6
    assert "it has no use for --dags-folder dags; leave that out" in up.err
    assert not (numbers.root / "up.txt").exists()
    deploy = numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags")
    assert (deploy.code, deploy.out) == (6, "")
    assert "writes no DAG file; it has no use for --dags-folder dags" in deploy.err


def test_an_orchestrator_that_only_runs_says_who_writes_the_dag_file(numbers: Project) -> None:
    numbers.write("server.py", ORCHESTRATOR)
    numbers.pipes("orchestrator", "register", "mine", "--flavor", "server:ServerFlavor")
    numbers.pipes("stack", "register", "team", "-o", "mine", "-a", "local", "--set")

    done = numbers.pipes("deploy", "numbers_.py")

    assert done.code == 0, done.err
    assert "orchestrator 'mine' only runs pipelines here" in done.err
    assert "note" not in numbers.pipes("run", "numbers_.py").err
