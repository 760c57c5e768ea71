"""The operators that steps can run by: Airflow's own, and others that a configuration names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from airflow_provider_pipes.stack.classpath import nearest

PYTHON = "python"
DOCKER = "docker"
KUBERNETES = "kubernetes"
BUILT_IN = (PYTHON, DOCKER, KUBERNETES)
BOTH_ENVIRONMENTS = (
    "python: an interpreter brings its own packages, and requirements=… are given too; keep one of the two"
)


def _class_path(value: str) -> str:
    module, _, name = value.replace(":", ".").rpartition(".")
    parts = [*module.split("."), name]
    if not all(part.isidentifier() and part.isascii() and not iskeyword(part) for part in parts):
        raise ValueError(f"expected the path of a class as 'package.module.Class', got {value!r}")
    return f"{module}.{name}"


ArgumentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class OperatorConfig(BaseModel):
    """An operator of the table ``operators``: defaults of arguments, and for another class its mapping.

    Attributes:
        path: Path of an Airflow operator class that runs a command in an image.
        image: Its argument for the image.
        command: Its argument for the command.
        environment: Its argument for the variables of the command.
        private_environment: Its argument for variables that hold secrets, where it has one.
        args: Defaults of its arguments.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, AfterValidator(_class_path)] | None = None
    image: ArgumentName = "image"
    command: ArgumentName = "command"
    environment: ArgumentName = "environment"
    private_environment: ArgumentName | None = None
    args: dict[str, Any] = Field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, str]:
        """The attributes that take the image, the command and the variables, by what they take."""
        names = ("image", "command", "environment", "private_environment")
        return {name: found for name in names if (found := getattr(self, name)) is not None}


def operator_problem(name: str, operators: Mapping[str, OperatorConfig]) -> str | None:
    """Return why there is no operator of this name, or None."""
    known = [*BUILT_IN, *(each for each in operators if each not in BUILT_IN)]
    if name in known:
        return None
    return (
        f"there is no operator {name!r}{nearest(name, known)}; known: {', '.join(known)}; the orchestrator's "
        "table `operators` can name another one by its path"
    )


def requirement_problems(requirements: Iterable[str]) -> list[str]:
    """Return what is wrong with the requirements of an environment on a worker, one sentence each."""
    from airflow_provider_pipes.compiler.requirement_lines import parsed_requirement

    problems = []
    for each in requirements:
        try:
            parsed_requirement(each, "a worker", "the worker")
        except ValueError as error:
            problems.append(str(error))
    return problems
