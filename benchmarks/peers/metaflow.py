"""Metaflow with its Airflow scheduler.

Its documents: `python flow.py airflow create dag.py`, with a store on S3, Azure or Google Cloud (here a
server on this machine that speaks S3); the file goes into the dags folder. Every step is a pod.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.peers.environments import environment
from benchmarks.peers.hand import Hand
from benchmarks.peers.outcome import CannotRunError
from benchmarks.peers.peer import Dag, Kind, Measure, Peer
from benchmarks.starting import make_bucket

_BUCKET = "benchmark"
# What Airflow 3 has elsewhere or no longer has, as the generated file writes it.
_REPLACED = {
    "from airflow.kubernetes.secret import": "from airflow.providers.cncf.kubernetes.secret import",
    "from airflow.providers.cncf.kubernetes.operators.kubernetes_pod import": (
        "from airflow.providers.cncf.kubernetes.operators.pod import"
    ),
    "schedule_interval": "schedule",
    'return get_provider_info()["versions"][0]': (
        'from importlib.metadata import version; return version("apache-airflow-providers-cncf-kubernetes")'
    ),
}


class Metaflow(Peer):
    """Metaflow."""

    name = "metaflow"
    title = "Metaflow"
    packages = ("metaflow",)
    needs = (Hand.name,)
    imports = "from metaflow import FlowSpec, Parameter, step"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._store: _Store | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """Its own; without a service configured it sends nothing anywhere."""
        return {**super().variables, "METAFLOW_USER": "benchmark", "METAFLOW_DEFAULT_METADATA": "local"}

    def producing(self, steps: int) -> Measure:
        """`airflow create`."""
        project = self.folder / f"produce_{steps}"
        flow = _write(project, steps)
        return lambda: self._create(flow, project / "dag.py")

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Have `airflow create` write it."""
        if kind is not Kind.KUBERNETES:
            raise CannotRunError("every step is a pod")
        file = dags / f"chain_{tasks}.py"
        self._create(_write(self.folder / f"dag_{tasks}", tasks), file)
        return Dag([file], "Chain", environment(Hand.name))

    def mended(self, dag: Dag, kind: Kind, tasks: int, failure: CannotRunError) -> Dag:
        """Replace what Airflow 3 has elsewhere, or under another name."""
        (file,) = dag.files
        text = file.read_text()
        for old, new in _REPLACED.items():
            text = text.replace(old, new)
        file.write_text(text)
        note = (
            f"Metaflow: as it is written it does not load: {failure}; measured with its imports and arguments"
        )
        return replace(dag, note=f"{note} replaced by Airflow 3's")

    def running(self, steps: int) -> Measure:
        """`python flow.py run`: a process for each step."""
        flow = _write(self.folder / "run", steps)
        return lambda: self.spent([self.environment.python, str(flow), "run"], flow.parent).cpu

    def starting(self) -> Measure:
        """The command of a task's pod once it has the code, on a local store."""
        flow = _write(self.folder / "start", 2)
        python = self.environment.python
        run_ids = flow.parent / "run-id"
        self.spent([python, str(flow), "run", "--run-id-file", str(run_ids)], flow.parent)
        run_id = run_ids.read_text().strip()
        command = [python, str(flow), "--quiet", "step", "start", "--run-id", run_id]
        command += ["--input-paths", f"{run_id}/_parameters/0", "--task-id"]
        attempts = itertools.count(1000)

        def milliseconds() -> float:
            began = time.time()
            self.spent([*command, str(next(attempts))], flow.parent)
            return (float((flow.parent / "started").read_text()) - began) * 1000

        return milliseconds

    def hitting(self, steps: int) -> Measure:
        """There is no cache."""
        raise CannotRunError("no cache; `resume` repeats a failed run from where it failed")

    def close(self) -> None:
        """Stop the server of the store."""
        if self._store:
            self._store.close()

    def _create(self, flow: Path, file: Path) -> float:
        self._store = self._store or _Store(self.folder)
        command = [self.environment.python, str(flow), "--datastore", "s3"]
        command += ["--datastore-root", f"s3://{_BUCKET}/metaflow", "airflow", "create", str(file)]
        return self.spent(command, flow.parent, **self._store.variables).cpu


def _write(project: Path, steps: int) -> Path:
    project.mkdir(exist_ok=True)
    names = ["start", *(f"noop_{n}" for n in range(2, steps)), "end"]
    lines = ["import time", "", "from metaflow import FlowSpec, Parameter, step", "", ""]
    lines += ["class Chain(FlowSpec):", '    x = Parameter("x", type=int, default=1)', ""]
    lines += [
        "    @step",
        "    def start(self):",
        f'        with open({str(project / "started")!r}, "w") as file:',
    ]
    lines += ["            file.write(repr(time.time()))", "        self.value: int = self.x"]
    for name in names[1:]:
        lines += [f"        self.next(self.{name})", "", "    @step", f"    def {name}(self):"]
        lines += ["        self.value = self.value"]
    flow = project / "chain.py"
    flow.write_text("\n".join([*lines, "", "", 'if __name__ == "__main__":', "    Chain()", ""]))
    return flow


class _Store:
    """A server on this machine that speaks S3."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}"
        self.variables = {
            "METAFLOW_S3_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with (folder / "s3.log").open("w") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            make_bucket(f"{endpoint}/{_BUCKET}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop it."""
        self._server.terminate()
        self._server.wait()
