"""dag-factory.

Its documents: a YAML file of the DAG in the dags folder, and a Python file beside it that calls
`load_yaml_dags`; Airflow reads the YAML whenever it parses the file. The tasks are Airflow's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from benchmarks.peers.hand import DAGS_TEST, NO_PROCESS, dags_test
from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer

_LOADER = """\
from pathlib import Path

from airflow.sdk import DAG  # noqa: F401 (Airflow parses what has both of these words in it)
from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), config_filepath=str(Path(__file__).with_suffix(".yaml")))
"""
_HEAD = """\
{dag_id}:
  start_date: "2024-01-01"
  schedule: null
  catchup: false
  params:
    x: 1
  tasks:
"""
_TASKS = {
    Kind.WORKER: """\
      operator: airflow.providers.standard.operators.python.PythonOperator
      python_callable_name: noop
      python_callable_file: {functions}
""",
    Kind.DOCKER: """\
      operator: airflow.providers.docker.operators.docker.DockerOperator
      image: python:3.12
      command: [python, -m, noop]
""",
    Kind.KUBERNETES: """\
      operator: airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator
      image: python:3.12
      cmds: [python, -m, noop]
""",
}


class DagFactory(Peer):
    """dag-factory."""

    name = "dagfactory"
    title = "dag-factory"
    packages = ("dag-factory",)
    imports = "from dagfactory import load_yaml_dags"
    notes: ClassVar = {"running": DAGS_TEST}

    def producing(self, steps: int) -> Measure:
        """Nothing produces it."""
        raise CannotRunError("a person writes the YAML; the DAG is made whenever the file is parsed")

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Write the YAML and the file that loads it."""
        loader, functions = dags / f"chain_{tasks}.py", self.folder / "functions.py"
        functions.write_text("def noop() -> int:\n    return 1\n")
        lines = [_HEAD.format(dag_id=loader.stem)]
        for n in range(1, tasks + 1):
            lines.append(f"    - task_id: noop_{n}\n{_TASKS[kind].format(functions=functions)}")
            lines += [f"      dependencies: [noop_{n - 1}]\n"] if n > 1 else []
        loader.write_text(_LOADER)
        text = loader.with_suffix(".yaml")
        text.write_text("".join(lines))
        variables = {"AIRFLOW__DAG_FACTORY__ENABLE_TELEMETRY": "False"}
        return Dag([loader, text], loader.stem, self.environment, variables)

    def running(self, steps: int) -> Measure:
        """`airflow dags test`."""
        return dags_test(self, steps)

    def starting(self) -> Measure:
        """There is no process for it."""
        raise CannotRunError(NO_PROCESS)

    def hitting(self, steps: int) -> Measure:
        """There is no cache."""
        raise CannotRunError("Airflow has no cache of results")
