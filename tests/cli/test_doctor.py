"""`pipes doctor` as a whole; tests/unit/diagnosis has each check, tests/airflow those with a real Airflow."""

from __future__ import annotations

import sys
import time

from tests.cli.conftest import Project
from tests.unit.diagnosis.examining import S3, examine, statuses, the

CHECKS = [
    "python",
    "packages",
    "project",
    "flavors",
    "stack",
    "connections",
    "artifact-store",
    "disk-space",
    "airflow",
    "versions",
    "dags-folder",
    "dag-files",
    "dags",
    "last-runs",
    "clock",
]
WITHOUT_AIRFLOW = ["airflow", "versions", "clock", "dag-files", "dags", "last-runs"]


def test_a_laptop_without_airflow_has_no_problem(project: Project) -> None:
    begun = time.monotonic()
    found = examine(project, code=0)

    assert time.monotonic() - begun < 20
    assert statuses(found) == {
        check: ["not checked" if check in WITHOUT_AIRFLOW else "ok"] for check in CHECKS
    }
    assert list(found) == CHECKS
    assert the(found, "airflow")["fix"] == "pipes up"
    assert the(found, "dag-files")["seen"] == "nothing is deployed"


def test_looking_leaves_nothing_behind(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    before = numbers.tree()
    outside = {each.name for each in numbers.root.parent.iterdir()}

    examine(numbers, code=0)
    examine(numbers, AIRFLOW_HOME=str(numbers.root.parent / "airflow"))

    assert numbers.tree() == before
    assert {each.name for each in numbers.root.parent.iterdir()} - outside == set()


def test_nothing_is_made_where_nothing_was_run(project: Project) -> None:
    before = project.tree()

    found = examine(project, code=0)

    assert the(found, "artifact-store")["status"] == "ok"
    assert project.tree() == before


def test_the_text_is_for_people(project: Project) -> None:
    project.write("pipes.toml", S3)

    done = project.pipes("doctor", env={"HOME": str(project.root.parent)})

    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("ok           Python           3.")
    assert "             fix: export AIRFLOW_CONN_TEAM_STORE='aws://KEY:SECRET@/?region_name=REGION'" in lines
    assert max(len(each) for each in lines if "fix:" not in each) <= 100
    assert lines[-1].startswith("1 problem, 6 ok, 8 not checked in ")
    assert done.out.count("fix: pipes up") == 1


def test_no_command_is_slower_for_it(project: Project) -> None:
    code = "import sys, airflow_provider_pipes.cli.application; print(*sys.modules)"
    loaded = set(project.run([sys.executable, "-c", code]).out.split())
    assert not {each for each in loaded if each.startswith("airflow_provider_pipes.diagnosis")}
    assert "airflow_provider_pipes.starter.files" not in loaded


def test_a_crash_in_a_component_is_a_finding(project: Project) -> None:
    project.write(
        "mine.py",
        """
        from airflow_provider_pipes.artifacts.local_flavor import LocalArtifactStore, LocalArtifactStoreFlavor

        print("noise on stdout")

        class Store(LocalArtifactStore):
            def uri(self, root):
                raise SystemExit("gone")

        class Mine(LocalArtifactStoreFlavor):
            name = "mine"
            implementation_class = Store
        """,
    )
    project.write(
        "pipes.toml",
        """
        [stacks.team]
        orchestrator = "airflow"
        artifact_store = "data"

        [artifact_stores.data]
        flavor = "mine:Mine"
        """,
    )

    found = examine(project, code=1)

    assert "SystemExit: gone (mine.py:" in the(found, "artifact-store")["seen"]
    assert statuses(found)["dags-folder"] == ["ok"]
