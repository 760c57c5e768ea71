"""What Airflow gets of the provider: `airflow pipes …`, the section [pipes], the link of a cached result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.testing.airflow_home import AirflowHome as KitsHome
from airflow_provider_pipes.version import __version__
from tests.airflow.harness import AirflowHome, DagRunRequest, DagRunResult
from tests.airflow.projects import Project
from tests.airflow.running import RunningAirflow
from tests.preloaded.commands import airflow

pytestmark = pytest.mark.airflow

REPOSITORY = Path(__file__).parents[2]
LINK = "pipes_result_made_by"
PIPELINE = """
    from notes import note

    from airflow_provider_pipes import pipeline, step


    @step
    def load(n: int) -> int:
        note("load", n)
        return n


    @step(cache=False)
    def tell(value: int) -> None:
        note("tell", value)


    @pipeline
    def NAME(n: int = 5) -> None:
        tell(load(n))
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our provider's metadata, as if the package was installed there."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / f"airflow_provider_pipes-{__version__}.dist-info"
    info.mkdir()
    metadata = ["Metadata-Version: 2.1", "Name: airflow-provider-pipes", f"Version: {__version__}", ""]
    (info / "METADATA").write_text("\n".join(metadata))
    source = "airflow_provider_pipes.get_provider_info:get_provider_info"
    (info / "entry_points.txt").write_text(f"[apache_airflow_provider]\nprovider_info = {source}\n")
    return folder


@pytest.fixture
def provider(airflow_home: AirflowHome, site: Path) -> AirflowHome:
    """A home whose Airflow finds our provider."""
    airflow_home.site = site
    return airflow_home.with_environment({"PYTHONPATH": f"{site}{os.pathsep}{REPOSITORY}"})


def sums(root: Path, home: KitsHome, name: str = "sums") -> Project:
    project = Project(root, home)
    project.write(f"{name}.py", PIPELINE.replace("NAME", name))
    return project


class TestCommands:
    def both(self, home: AirflowHome, project: Project, *arguments: str) -> list[tuple[int, str, str]]:
        """Return exit code, stdout and stderr of `pipes …` and `airflow pipes …`."""
        answers = []
        for module in (["airflow_provider_pipes.cli.main"], ["airflow", "pipes"]):
            done = airflow(home.site).run(
                [sys.executable, "-m", *module, *arguments], project.root, {**home.env, "COLUMNS": "100"}
            )
            out, err = (text.replace("airflow pipes ", "pipes ") for text in (done.stdout, done.stderr))
            # How wide the name of the program is moves what rich pads.
            answers.append((done.returncode, re.sub(" +\n", "\n", out), re.sub(" +\n", "\n", err)))
        return answers

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("deploy sums.py --diff --dags-folder dags", 0),
            ("deploy sums.py --check --dags-folder=dags", 1),
            ("deploy --help", 0),
            ("deploy --no-such-option sums.py", 2),
            ("deploy -- -gone.py", 3),
            ("graph sums.py", 0),
            ("runs list --json", 0),
            ("runs", 2),
            ("runs show gone", 9),
            ("status --json", 1),
        ],
    )
    def test_a_command_says_the_same_as_without_airflow(
        self, provider: AirflowHome, tmp_path: Path, line: str, code: int
    ) -> None:
        project = sums(tmp_path / "project", provider)
        ours, airflows = self.both(provider, project, *line.split())
        assert airflows == ours
        assert ours[0] == code
        assert ours[1] + ours[2]

    def test_a_failing_step_is_told_the_same_and_deploy_writes_the_same_file(
        self, provider: AirflowHome, tmp_path: Path
    ) -> None:
        project = sums(tmp_path / "project", provider)
        project.write("bad.py", PIPELINE.replace("NAME", "bad").replace("return n", "return 1 // 0"))
        ours, airflows = self.both(provider, project, "run", "bad.py")
        assert ours[0] == airflows[0] != 0
        assert "ZeroDivisionError" in airflows[2]
        first, second = self.both(provider, project, "deploy", "sums.py", "--dags-folder", "dags")
        assert first[1].startswith("created ")
        assert second[1].startswith("unchanged")

    def test_help_lists_the_commands(self, provider: AirflowHome) -> None:
        assert "Groups" in provider.airflow("--help").stdout
        shown = provider.airflow("pipes", "--help").stdout
        assert "Write the Airflow DAG file of each pipeline; all of them or none." in shown
        refused = provider.airflow("pipes", "deplyo", check=False)
        assert refused.returncode == 2
        assert "invalid choice: 'deplyo'" in refused.stderr


class TestConfiguration:
    def test_airflow_lists_the_options_and_complains_of_nothing(self, provider: AirflowHome) -> None:
        done = provider.airflow("config", "list", "--section", "pipes", "--defaults", "--show-values")
        assert "cached_snapshots = 100" in done.stdout
        assert "# How many extracted code snapshots" in done.stdout
        assert "pipes" not in done.stderr.lower()
        assert provider.airflow("config", "get-value", "pipes", "use_cache").stdout.strip() == "True"

    def test_tasks_obey_it(self, provider: AirflowHome, tmp_path: Path) -> None:
        cache = tmp_path / "cache of all"
        home = provider.with_environment(
            {
                "PIPES_CACHE_DIR": "",
                "AIRFLOW__PIPES__CACHE_DIR": str(cache),
                "AIRFLOW__PIPES__CACHED_SNAPSHOTS": "1",
                "AIRFLOW__PIPES__USE_CACHE": "False",
            }
        )
        project = sums(tmp_path / "project", home)
        project.write(
            "away.py",
            """
            from notes import note

            from airflow_provider_pipes import pipeline, step


            @step(step_operator="subprocess")
            def where() -> str:
                note("where", __file__)
                return __file__


            @pipeline
            def away() -> None:
                where()
            """,
        )
        (project.root / "pipes.toml").write_text(
            'active_stack = "s"\n[stacks.s]\norchestrator = "airflow"\nartifact_store = "local"\n'
            'step_operators = ["subprocess"]\n[step_operators.subprocess]\nflavor = "subprocess"\n'
        )
        project.deploy("sums.py", "away.py")
        taken = {"pipes_cache": True}
        for result in home.run_dags(["sums", "sums", DagRunRequest("sums", taken), "away"]):
            result.check()
        # The first two ran it, and the third said for itself that it takes cached results.
        assert len(project.noted("load")) == 2
        ((file,),) = project.noted("where")
        assert Path(file).is_relative_to(cache / "code")
        # Both of this process: neither was removed while it lived.
        assert len(list((cache / "code").iterdir())) == 2
        home.run_dags(["sums"])
        (cache / "code" / "0" / "x").mkdir(parents=True)
        project.write("sums.py", PIPELINE.replace("NAME", "sums").replace("return n", "return n + 1"))
        project.deploy("sums.py")
        (run,) = home.run_dags(["sums"])
        run.check()
        assert len(list((cache / "code").glob("?" * 64))) == 1

    def test_nonsense_fails_the_task_with_one_sentence(self, provider: AirflowHome, tmp_path: Path) -> None:
        home = provider.with_environment({"AIRFLOW__PIPES__CACHED_SNAPSHOTS": "few"})
        sums(tmp_path / "project", home).deploy("sums.py")
        (run,) = home.run_dags(["sums"])
        assert run.state == "failed"
        assert "[pipes] cached_snapshots of Airflow's configuration is 'few'" in run.log


class TestLink:
    def linked(self, result: DagRunResult) -> dict[str, Any]:
        """Return the links that the tasks of a run have; without one there is not even an empty XCom."""
        result.check()
        return {name: task.xcoms[LINK] for name, task in result.tasks.items() if LINK in task.xcoms}

    def test_only_a_cached_result_leads_to_the_task_that_made_it(
        self, airflow_home: AirflowHome, tmp_path: Path
    ) -> None:
        project = sums(tmp_path / "project", airflow_home)
        project.deploy("sums.py")
        home = airflow_home.with_environment({"AIRFLOW__API__BASE_URL": "http://example.org/air/flow"})
        first, second, third = home.run_dags([DagRunRequest("sums")] * 3)
        assert self.linked(first) == {}
        run = first.run_id.replace(":", "%3A").replace("+", "%2B")
        for later in (second, third):
            assert self.linked(later) == {"load": f"/air/flow/dags/sums/runs/{run}/tasks/load"}

    def test_a_result_of_a_local_run_has_no_task(self, airflow_home: AirflowHome, tmp_path: Path) -> None:
        project = sums(tmp_path / "project", airflow_home)
        project.deploy("sums.py")
        subprocess.run(
            [sys.executable, "-m", "airflow_provider_pipes.cli.main", "run", "sums.py"],
            cwd=project.root,
            env=airflow_home.env,
            check=True,
            capture_output=True,
        )
        (run,) = airflow_home.run_dags(["sums"])
        assert self.linked(run) == {}
        assert len(project.noted("load")) == 1

    def test_a_run_of_the_same_name_in_another_airflow_is_not_taken_for_it(
        self, airflow_home: AirflowHome, tmp_path: Path
    ) -> None:
        project = sums(tmp_path / "project", airflow_home)
        project.deploy("sums.py")
        other = AirflowHome(tmp_path / "other")
        other.copy_database(airflow_home)
        for file in airflow_home.dags_folder.glob("*.py"):
            (other.dags_folder / file.name).write_text(file.read_text())
        anew = DagRunRequest("sums", {"pipes_cache": False}, run_id="same")
        (ours,) = airflow_home.run_dags([anew])
        (theirs,) = other.run_dags([anew])
        assert ours.check().run_id == theirs.check().run_id
        assert len(project.noted("load")) == 2
        # The cache names the one that came last, which is not ours.
        (later,) = airflow_home.run_dags(["sums"])
        assert self.linked(later) == {}
        (later,) = other.run_dags(["sums"])
        assert list(self.linked(later)) == ["load"]

    def test_a_run_that_airflow_has_forgotten_is_no_reason_to_fail(
        self, airflow_home: AirflowHome, tmp_path: Path
    ) -> None:
        sums(tmp_path / "project", airflow_home).deploy("sums.py")
        (first,) = airflow_home.run_dags(["sums"])
        first.check()
        fresh = AirflowHome(tmp_path / "fresh")
        fresh.migrate()
        for file in airflow_home.dags_folder.glob("*.py"):
            (fresh.dags_folder / file.name).write_text(file.read_text())
        (later,) = fresh.run_dags(["sums"])
        assert self.linked(later) == {}
        assert "Traceback" not in later.log


@pytest.mark.xdist_group("airflow")
def test_the_link_shows_in_a_running_airflow(running_airflow: RunningAirflow, tmp_path: Path) -> None:
    sums(tmp_path / "project", running_airflow.home, "linked_sums").deploy("linked_sums.py")
    api = running_airflow.api
    api.unpause("linked_sums")
    first, second = (api.run("linked_sums") for _ in range(2))

    def links(run: str, task: str) -> Any:
        path = f"dags/linked_sums/dagRuns/{run}/taskInstances/{task}/links"
        return api.request("GET", path.replace("+", "%2B"))["extra_links"]

    assert links(first, "load") == {"Result made by": None}
    address = links(second, "load")["Result made by"]
    assert address == f"/dags/linked_sums/runs/{first.replace(':', '%3A').replace('+', '%2B')}/tasks/load"
    assert links(second, "tell") == {"Result made by": None}
    assert api.xcom_keys("linked_sums", second, "tell") == ["return_value"]
