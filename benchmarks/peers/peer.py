"""What every peer is asked for: the same pipeline, a chain of no-op steps that hand an integer on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from benchmarks.harness import Spent, spent
from benchmarks.peers.environments import Environment, environment
from benchmarks.peers.outcome import CannotRunError

Measure = Callable[[], float]


class Kind(StrEnum):
    """Where the tasks of a DAG run."""

    WORKER = "on the worker"
    DOCKER = "Docker"
    KUBERNETES = "Kubernetes"


@dataclass(frozen=True)
class Dag:
    """A DAG in a dags folder.

    Attributes:
        files: What Airflow reads of it.
        dag_id: Its name.
        environment: Where Airflow itself is installed.
        variables: What its processes need set.
        note: What a reader has to know about the figures.
    """

    files: Sequence[Path]
    dag_id: str
    environment: Environment
    variables: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Peer(ABC):
    """One way to get a pipeline into Airflow; a method that cannot do its part raises CannotRunError.

    Args:
        folder: Where it may write.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    # The packages whose versions are told; they are in the environment of its name.
    packages: ClassVar[tuple[str, ...]]
    # What the file of a user's pipeline, or of the DAG where there is only that, begins with.
    imports: ClassVar[str]
    # The environments it needs beside the one of its name.
    needs: ClassVar[tuple[str, ...]] = ()
    # What a reader has to know of a figure, by the name of the row.
    notes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.environment = environment(self.name)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of its processes; peers add what their documents name to keep telemetry off."""
        return self.environment.variables(self.folder / "home")

    @abstractmethod
    def producing(self, steps: int) -> Measure:
        """Return what makes the DAG of so many steps, which returns the CPU seconds it took."""

    @abstractmethod
    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Put a DAG of so many tasks into a dags folder."""

    @abstractmethod
    def running(self, steps: int) -> Measure:
        """Return what runs so many steps on this machine, which returns the CPU seconds it took."""

    @abstractmethod
    def starting(self) -> Measure:
        """Return what starts one step's process, which returns the milliseconds to the user's function."""

    @abstractmethod
    def hitting(self, steps: int) -> Measure:
        """Return what runs so many steps that are all in the cache, which returns the seconds it took."""

    def mended(self, dag: Dag, kind: Kind, tasks: int, failure: CannotRunError) -> Dag:
        """Return a DAG that Airflow can import where it cannot import the one that was produced."""
        raise failure

    def close(self) -> None:  # noqa: B027 (most have nothing to stop)
        """Stop what runs for it."""

    def importing(self) -> Measure:
        """Return what imports it in a fresh process, which returns the CPU seconds it took."""
        return lambda: self.spent([self.environment.python, "-c", self.imports], self.folder).cpu

    def spent(self, command: Sequence[str], cwd: Path, **variables: str) -> Spent:
        """Run a command in its environment and return what it took."""
        return spent(command, cwd, {**self.variables, **variables})


class Absent(Peer):
    """A peer that could not be set up: every figure of it says why.

    Args:
        peer: Which one.
        failure: What went wrong.
    """

    packages = ()

    def __init__(self, peer: type[Peer], failure: CannotRunError) -> None:
        # Not Peer's: there is no environment.
        self.name, self.title = peer.name, peer.title  # type: ignore[misc]
        self._failure = failure

    def importing(self) -> Measure:
        """Say why not."""
        raise self._failure

    def producing(self, steps: int) -> Measure:
        """Say why not."""
        raise self._failure

    def dag(self, kind: Kind, tasks: int, dags: Path) -> Dag:
        """Say why not."""
        raise self._failure

    def running(self, steps: int) -> Measure:
        """Say why not."""
        raise self._failure

    def starting(self) -> Measure:
        """Say why not."""
        raise self._failure

    def hitting(self, steps: int) -> Measure:
        """Say why not."""
        raise self._failure
