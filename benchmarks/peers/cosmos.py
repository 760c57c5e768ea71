"""Cosmos: a dbt project as a DAG, so a step is a model: a view on the one before it.

Its documents: a `DbtDag` in a file of the dags folder, loaded from dbt's manifest (of its ways to load a
project the one for production), with dbt in an environment of its own where it does not fit into Airflow's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.environments import environment
from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

_PROJECT = 'name: chain\nversion: "1.0.0"\nprofile: chain\n'
_PROFILE = """\
chain:
  target: dev
  outputs:
    dev: {type: duckdb, path: chain.duckdb, threads: 1}
"""
_STARTED = """\
import time


def model(dbt, session):
    with open({started!r}, "w") as started:
        started.write(repr(time.time()))
    return session.sql("select 1 as value")
"""
_DAG = """\
# For Airflow, which parses what has this word in it.
from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

{dag_id} = DbtDag(
    dag_id="{dag_id}",
    schedule=None,
    project_config=ProjectConfig({project}manifest_path="{manifest}", project_name="chain"),
    profile_config=ProfileConfig(profile_name="chain", target_name="dev", profiles_yml_filepath="{profiles}"),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode.{mode}, {execution}),
    render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.NONE),
    operator_args={arguments},
)
"""


class Cosmos(Peer):
    """Cosmos."""

    name = "cosmos"
    title = "Cosmos"
    packages = ("astronomer-cosmos",)
    needs = ("dbt",)
    imports = "from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig"
    notes: ClassVar = {
        "producing": "Cosmos: `dbt parse`, which writes the manifest that the DAG is made from at each parse",
        "running": "Cosmos: `dbt run` of views",
        "starting": "Cosmos: `dbt run` of one model in Python, to that model",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._dbt_environment = environment("dbt")

    @property
    def variables(self) -> Mapping[str, str]:
        """Its own and dbt's, with usage statistics off."""
        return {**super().variables, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

    def producing(self, steps: int) -> Measure:
        """Nothing produces the DAG, but it is loaded from what `dbt parse` writes."""
        project = _write(self.folder / f"produce_{steps}", steps)
        return lambda: self._dbt(project, "--no-partial-parse", "parse")

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Write the file, beside the manifest."""
        project = _write(dags / f"dbt_{tasks}", tasks)
        self._dbt(project, "parse")
        manifest = project / "target" / "manifest.json"
        file = dags / f"chain_{tasks}.py"
        on_worker = kind is Kind.WORKER
        place = f'dbt_project_path="{project}"'
        text = _DAG.format(
            dag_id=file.stem,
            manifest=manifest,
            profiles=project / "profiles.yml",
            mode={Kind.WORKER: "LOCAL"}.get(kind, kind.name),
            project=f"{place}, " if on_worker else "",
            execution=f'dbt_executable_path="{self._executable}"' if on_worker else place,
            arguments={} if on_worker else {"image": "dbt:1"},
        )
        file.write_text(text)
        variables = {"AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False"}
        return Dag([file, manifest], file.stem, self.environment, variables)

    def running(self, steps: int) -> Measure:
        """`dbt run`."""
        project = _write(self.folder / "run", steps)
        return lambda: self._dbt(project, "run")

    def starting(self) -> Measure:
        """The command of a task, for a model in Python."""
        project = _write(self.folder / "start", 1)
        (project / "models" / "now.py").write_text(_STARTED.format(started=str(project / "started")))

        def milliseconds() -> float:
            began = time.time()
            self._dbt(project, "run", "--models", "now")
            return (float((project / "started").read_text()) - began) * 1000

        return milliseconds

    def hitting(self, steps: int) -> Measure:
        """There is no cache."""
        raise CannotRunError("dbt builds what it is asked for; it has no cache of results")

    @property
    def _executable(self) -> str:
        return self._dbt_environment.script("dbt")

    def _dbt(self, project: Path, *arguments: str) -> float:
        return self.spent([self._executable, "--no-version-check", *arguments], project).cpu


def _write(project: Path, steps: int) -> Path:
    models = project / "models"
    models.mkdir(parents=True)
    (project / "dbt_project.yml").write_text(_PROJECT)
    (project / "profiles.yml").write_text(_PROFILE)
    (models / "noop_1.sql").write_text("select cast({{ var('x', 1) }} as bigint) as value\n")
    for n in range(2, steps + 1):
        (models / f"noop_{n}.sql").write_text(f"select value from {{{{ ref('noop_{n - 1}') }}}}\n")
    return project
