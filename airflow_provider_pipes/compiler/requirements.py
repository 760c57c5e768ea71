"""The requirements of a step, resolved to the lines that the deployment carries.

What is installed counts, not the file that it stands in: a deployment holds lines, its id and the cache
keys of its steps change with them, and a worker never reads the project's files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from airflow_provider_pipes.compiler.requirement_lines import (
    RequirementsFile,
    constraint,
    plain_requirement,
)
from airflow_provider_pipes.compiler.requirement_locks import ProjectLock
from airflow_provider_pipes.models.deployment import PipelineConfig, StepSpec
from airflow_provider_pipes.models.docker_settings import CONSTRAINT_PREFIX, DockerSettings

Given = tuple[str, ...] | str


@dataclass
class RequirementsReader:
    """Resolves requirements, each way of giving them once.

    Args:
        root: The project's folder.
        problems: Takes what is wrong; what is given in many places is told for the first.
    """

    root: Path
    problems: list[str]
    _read: dict[Given, tuple[str, ...]] = field(default_factory=dict)

    def pipeline(self, config: PipelineConfig) -> PipelineConfig:
        """Return a pipeline's configuration with its requirements resolved."""
        found = self._docker(f"pipeline {config.name!r}", config.docker_settings)
        return config if found is None else config.model_copy(update={"docker_settings": found})

    def steps(self, specs: Iterable[StepSpec]) -> tuple[StepSpec, ...]:
        """Return steps with their requirements resolved."""
        return tuple(map(self._step, specs))

    def _step(self, spec: StepSpec) -> StepSpec:
        found = self._docker(f"step {spec.name!r}", spec.docker_settings)
        return spec if found is None else spec.model_copy(update={"docker_settings": found})

    def _docker(self, where: str, settings: DockerSettings) -> DockerSettings | None:
        given = settings.requirements
        if not given:
            return None
        if given not in self._read:
            self._read[given] = self._resolved(f"{where}, docker, requirements", given)
        lines = self._read[given]
        return None if lines == given else settings.model_copy(update={"requirements": lines})

    def _resolved(self, where: str, given: Given) -> tuple[str, ...]:
        def problem(said: str) -> None:
            self.problems.append(f"{where}: {said}")

        if given == "lock":
            found = list(ProjectLock(self.root, problem).lines())
        elif isinstance(given, tuple):
            found = _specifiers(given, problem)
        elif not (self.root / given).is_file():
            problem(self._no_file(given))
            found = []
        else:
            found = list(RequirementsFile(self.root, problem).lines(given))
        return tuple(dict.fromkeys(found))

    def _no_file(self, given: str) -> str:
        message = f"there is no file {given!r} in {self.root}"
        try:
            Requirement(given)
        except InvalidRequirement:
            return message
        return f"{message}; to name a package, give a list: requirements=[{given!r}]"


def _specifiers(given: tuple[str, ...], problem: Callable[[str], None]) -> list[str]:
    found = []
    for text in given:
        try:
            limits = text.startswith(CONSTRAINT_PREFIX)
            line = constraint(text.removeprefix(CONSTRAINT_PREFIX)) if limits else plain_requirement(text)
        except ValueError as error:
            problem(str(error))
        else:
            if line:
                found.append(line)
    return found
