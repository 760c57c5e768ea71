"""Kedro with kedro-airflow.

Its documents: `kedro airflow create` writes a DAG file, which goes into the dags folder of an Airflow that
has the project installed; each node is a task that opens a Kedro session and runs that node.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

_PROJECT = """\
[tool.kedro]
package_name = "chain"
project_name = "chain"
kedro_init_version = "{version}"
source_dir = "src"
"""
_REGISTRY = """\
import time

from kedro.pipeline import Pipeline, node


def noop(x: int) -> int:
    with open({started!r}, "w") as started:
        started.write(repr(time.time()))
    return x


def register_pipelines() -> dict[str, Pipeline]:
    inputs = ["params:x", *(f"value_{{n}}" for n in range(1, {steps}))]
    nodes = [node(noop, name, f"value_{{n}}", name=f"noop_{{n}}") for n, name in enumerate(inputs, 1)]
    return {{"__default__": Pipeline(nodes)}}
"""
# What the task in the generated file does.
_TASK = """\
from pathlib import Path

from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

configure_project("chain")
with KedroSession.create(project_path=Path.cwd(), env="local", conf_source=Path.cwd() / "conf") as session:
    session.run(pipeline_names=["__default__"], node_names=["noop_1"])
"""


class Kedro(Peer):
    """Kedro."""

    name = "kedro"
    title = "Kedro"
    packages = ("kedro", "kedro-airflow")
    imports = "from kedro.pipeline import Pipeline, node"
    notes: ClassVar = {"starting": "Kedro: what its task does, but in a process of its own, not the task's"}

    def producing(self, steps: int) -> Measure:
        """`kedro airflow create`."""
        project = self._write(self.folder / f"produce_{steps}", steps)
        return lambda: self._kedro(project, "airflow", "create", "--target-dir", "dags")

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Have `kedro airflow create` write it."""
        if kind is not Kind.WORKER:
            raise CannotRunError("kedro-airflow writes Python tasks only")
        project = self._write(self.folder / f"dag_{tasks}", tasks)
        self._kedro(project, "airflow", "create", "--target-dir", "dags")
        (made,) = (project / "dags").glob("*.py")
        return Dag([Path(shutil.copy(made, dags))], "chain", self.environment)

    def running(self, steps: int) -> Measure:
        """`kedro run`."""
        project = self._write(self.folder / "run", steps)
        return lambda: self._kedro(project, "run")

    def starting(self) -> Measure:
        """What a task of the DAG does, in a process of its own."""
        project = self._write(self.folder / "start", 1)
        command = [self.environment.python, "-c", _TASK]

        def milliseconds() -> float:
            began = time.time()
            self.spent(command, project, PYTHONPATH=str(project / "src"))
            return (float((project / "started").read_text()) - began) * 1000

        return milliseconds

    def hitting(self, steps: int) -> Measure:
        """There is no cache."""
        raise CannotRunError(
            "no cache; `--only-missing-outputs` skips nodes whose outputs exist, whatever changed"
        )

    def _write(self, project: Path, steps: int) -> Path:
        package = project / "src" / "chain"
        for folder in (package, project / "conf" / "base", project / "conf" / "local"):
            folder.mkdir(parents=True, exist_ok=True)
        version = self.environment.version_of("kedro")
        (project / "pyproject.toml").write_text(_PROJECT.format(version=version))
        (package / "__init__.py").touch()
        (package / "settings.py").touch()
        registry = _REGISTRY.format(steps=steps, started=str(project / "started"))
        (package / "pipeline_registry.py").write_text(registry)
        (project / "conf" / "base" / "parameters.yml").write_text("x: 1\n")
        (project / "conf" / "base" / "catalog.yml").write_text("{}\n")
        return project

    def _kedro(self, project: Path, *arguments: str) -> float:
        variables = {"KEDRO_DISABLE_TELEMETRY": "1"}
        return self.spent([self.environment.script("kedro"), *arguments], project, **variables).cpu
