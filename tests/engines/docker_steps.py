"""Projects whose steps run in Docker containers, and the image that they run in."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.models.containers import Container

import airflow_provider_pipes
from tests.airflow.harness import AirflowHome
from tests.airflow.projects import Project
from tests.engines.docker_engine import DockerEngine

_PACKAGE = Path(airflow_provider_pipes.__file__).parent
# What pydantic needs, of this machine, as all of the base image is.
_LIBRARIES = ("libgcc_s.so.1", "librt.so.1", "libpthread.so.0", "libdl.so.2", "libm.so.6")
_DOCKERFILE = """
FROM {base}
{arguments}
COPY lib*.so.* /usr/lib/
RUN pip install --no-cache-dir --quiet pydantic cloudpickle fsspec && python -c "import pydantic"
COPY airflow_provider_pipes /opt/pipes/airflow_provider_pipes
ENV PYTHONPATH=/opt/pipes
USER 65534:65534
"""


def step_image(engine: DockerEngine) -> str:
    """Build an image that steps can run in, if that has not been done, and return its id."""
    arguments = "\n".join(f"ARG {name}" for name in engine.index)
    dockerfile = _DOCKERFILE.format(base=engine.base_image, arguments=arguments).encode()
    with contextlib.closing(engine.client()) as client:
        image, _ = client.images.build(
            fileobj=_context({"Dockerfile": dockerfile}),
            custom_context=True,
            buildargs=engine.index,
            tag="pipes.test/docker-steps",
            rm=True,
            forcerm=True,
        )
        return str(image.id)


def _context(files: Mapping[str, bytes]) -> io.BytesIO:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        for name in _LIBRARIES:
            archive.add(_library(name), name, filter=_without_caches)
        archive.add(_PACKAGE, "airflow_provider_pipes", filter=_without_caches)
    content.seek(0)
    return content


def _library(name: str) -> str:
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = re.search(rf"{re.escape(name)} .*=> (/\S+)", listed)
    assert found, f"this machine has no {name}"
    return os.path.realpath(found[1])


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in entry.name:
        return None
    entry.mtime, entry.uid, entry.gid = 0, 0, 0
    return entry


@dataclass(frozen=True)
class DockerProject:
    """A user's project whose DAG files run its steps in containers.

    Attributes:
        project: The project; what its steps note reaches the test from the containers.
        engine: Where the containers run.
        image: What they run in.
        label: Label of its containers, as NAME=VALUE.
    """

    project: Project
    engine: DockerEngine
    image: str
    label: str

    @classmethod
    @contextlib.contextmanager
    def new(cls, folder: Path, home: AirflowHome, engine: DockerEngine) -> Iterator[DockerProject]:
        """Make an empty one; what a failed test left of its containers is removed in the end."""
        label = f"pipes.test={uuid.uuid4().hex}"
        try:
            yield cls(Project(folder, home), engine, step_image(engine), label)
        finally:
            engine.remove(label)

    @property
    def notes_file(self) -> Path:
        """Where the steps note what they do."""
        return self.project.root.with_name(f"{self.project.root.name}-notes.jsonl")

    @property
    def words_file(self) -> Path:
        """Where the test tells the steps what to do, as they see it too."""
        return self.project.root.with_name(f"{self.project.root.name}-words")

    def deploy(self, *targets: str, **arguments: Any) -> None:
        """Deploy pipelines to run in containers.

        Args:
            targets: As for `pipes deploy`.
            arguments: Arguments of the operator, for all steps.
        """
        self.notes_file.touch()
        self.words_file.touch()
        folder = self.project.home.dags_folder
        before = set(folder.glob("*.py"))
        self.project.deploy(*targets)
        for file in set(folder.glob("*.py")) - before:
            file.write_text(self._in_containers(file.read_text(), arguments))

    def _in_containers(self, dag: str, arguments: Mapping[str, Any]) -> str:
        files = [str(self.notes_file), str(self.words_file)]
        given = {
            "image": self.image,
            "docker_url": self.engine.url,
            "network_mode": "none",
            "mounts": [{"type": "bind", "source": each, "target": each} for each in files],
            "labels": dict([self.label.split("=")]),
            **arguments,
        }
        for name, other in (
            ("airflow.providers.standard.operators.python", "airflow.providers.docker.operators.docker"),
            ("airflow_provider_pipes.operators.python", "airflow_provider_pipes.operators.docker"),
            ("StepPythonOperator(", f"StepDockerOperator(**{given!r}, "),
            ("StepPythonOperator", "StepDockerOperator"),
        ):
            assert name in dag, f"no {name!r} in the DAG file:\n{dag}"
            dag = dag.replace(name, other)
        return dag

    def containers(self) -> list[Container]:
        """Return the containers of this project's steps, stopped ones too."""
        return self.engine.containers(self.label)

    def starts(self, since: str) -> int:
        """Return how many containers of this project the engine says that it started."""
        return len(self.engine.events(since, "start", self.label))

    def lifetime(self, step: str, since: str) -> float:
        """Return the seconds between the start of a step's container and its removal."""
        moments = []
        for action in ("start", "destroy"):
            named = [
                each["timeNano"]
                for each in self.engine.events(since, action, self.label)
                if f"-{step}-" in each["Actor"]["Attributes"]["name"]
            ]
            assert len(named) == 1, f"{action} of {step}: {named}"
            moments += named
        return float(moments[1] - moments[0]) / 1e9
