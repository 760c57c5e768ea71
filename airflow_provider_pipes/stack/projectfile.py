"""pipes.toml: its shape, and where in it something stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_pipes.errors import ConfigurationError, listing
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, TaskSettings
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.location import FILE_NAME as FILE_NAME
from airflow_provider_pipes.stack.location import find_file as find_file
from airflow_provider_pipes.stack.validation import FieldPath, field_problems

Name = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StackTable(_Table):
    """A ``[stacks.<name>]`` table: names of components."""

    orchestrator: Name
    artifact_store: Name
    step_operators: tuple[Name, ...] = ()
    image_builder: Name | None = None
    container_registry: Name | None = None


class ComponentTable(BaseModel):
    """A component's table: its flavor, and the values of the flavor's config."""

    model_config = ConfigDict(frozen=True, extra="allow")

    flavor: Name

    @property
    def values(self) -> dict[str, Any]:
        """What is written beside the flavor."""
        return dict(self.model_extra or {})


class ProjectDefaults(_Table):
    """The ``[settings.…]`` tables: defaults for all pipelines of the project."""

    docker: DockerSettings = DockerSettings()
    resources: ResourceSettings = ResourceSettings()
    task: TaskSettings = TaskSettings()


Components = dict[Name, ComponentTable]


class ProjectFile(_Table):
    """All of pipes.toml."""

    active_stack: Name | None = None
    stacks: dict[Name, StackTable] = {}
    orchestrators: Components = {}
    artifact_stores: Components = {}
    step_operators: Components = {}
    image_builders: Components = {}
    container_registries: Components = {}
    flavors: dict[StackComponentType, dict[Name, Name]] = {}
    settings: ProjectDefaults = ProjectDefaults()

    def components(self, kind: StackComponentType) -> Mapping[str, ComponentTable]:
        """Return the tables of the components of a kind."""
        found: Mapping[str, ComponentTable] = getattr(self, kind.plural)
        return found


@dataclass(frozen=True)
class ProjectSource:
    """What the configuration was read from, so that a message can say where something stands.

    Attributes:
        path: The file, or None where there is none.
        text: Its content.
        variables: For each value that an environment variable gave, the variable's name.
    """

    path: Path | None = None
    text: str = ""
    variables: Mapping[FieldPath, str] = field(default_factory=dict)

    def describe(self, location: FieldPath, sentence: str) -> str:
        """Return a problem with its place in front."""
        for length in range(len(location), 0, -1):
            if variable := self.variables.get(location[:length]):
                return f"environment variable {variable}: {sentence}"
        line = self._line(location)
        return f"{f'line {line}, ' if line else ''}{_dotted(location)}: {sentence}"

    def mentions(self, location: FieldPath) -> bool:
        """Return whether the user said anything about a table or a field."""
        said = [*self.variables, *(path for _, path in _lines(self.text))]
        return any(path[: len(location)] == location for path in said)

    def error(self, problems: list[str]) -> ConfigurationError:
        """Return the error that lists the problems."""
        return ConfigurationError(listing(f"{self.path or 'the configuration'} is not valid", problems))

    def _line(self, location: FieldPath) -> int | None:
        names = tuple(part for part in location if isinstance(part, str))
        best: tuple[int, int] | None = None
        for number, path in _lines(self.text):
            if names[: len(path)] == path and (best is None or len(path) > best[0]):
                best = (len(path), number)
        return best[1] if best else None


def _dotted(location: FieldPath) -> str:
    table = [part for part in location[:2] if isinstance(part, str)]
    rest = location[len(table) :]
    if len(location) < 2:
        return str(location[0]) if location else FILE_NAME
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest).lstrip(".")
    return f"[{'.'.join(table)}] {shown}".rstrip()


_SEGMENT = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_DOTTED = rf"{_SEGMENT}(?:\s*\.\s*{_SEGMENT})*"
_HEADER = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")


def _lines(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the number and the path of each line that opens a table or gives a value.

    By regular expressions, since tomllib keeps no places: a hint for a message, no parser.
    """
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _segments(header[1])
            yield number, table
        elif key := _KEY.match(line):
            yield number, table + _segments(key[1])


def _segments(dotted: str) -> tuple[str, ...]:
    return tuple(segment.strip("\"'") for segment in re.findall(_SEGMENT, dotted))


def read_file(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a pipes.toml and its values.

    Raises:
        ConfigurationError: it can't be read, or is no TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        target = f" is a link to {path.resolve()}, which" if path.is_symlink() else ""
        raise ConfigurationError(f"can't read {path}: it{target} is not there") from None
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        raise ConfigurationError(
            f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is no valid TOML: {error}") from None


def parse(values: dict[str, Any], source: ProjectSource) -> ProjectFile:
    """Return the configuration in its shape.

    Raises:
        ConfigurationError: lists every problem, by field.
    """
    try:
        return ProjectFile.model_validate(values)
    except ValidationError as error:
        problems = field_problems(error, ProjectFile)
        raise source.error([source.describe(*each) for each in problems]) from None
