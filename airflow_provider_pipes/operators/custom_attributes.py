"""What an operator class that is none of ours is told of a step, in the form that it takes."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_pipes.errors import ContainerError

if TYPE_CHECKING:
    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.custom import StepInOtherOperator

_MANY = re.compile(r"\b(list|tuple|sequence|iterable|collection)\b", re.IGNORECASE)
_TEXT = re.compile(r"\bstr\b")
_OF_KUBERNETES = "airflow.providers.cncf.kubernetes."
MODELS_ONLY = ("ports", "pod_runtime_info_envs")
"""Of these Airflow's operator of pods takes models only, already when it is made."""


def give_attributes(operator: StepInOtherOperator, job: ContainerJob) -> None:
    """Set the attributes of an operator that say what runs where.

    Raises:
        ContainerError: it has no way to pass the step's secrets, or no attribute of a name that was given.
    """
    if runs_pods(type(operator)):
        from airflow_provider_pipes.operators.kubernetes_arguments import (
            problems_of_step,
            take_plain_arguments,
        )

        with problems_of_step(job.step):
            take_plain_arguments(cast("Any", operator))
    mapping = {what: _attribute(operator, name) for what, name in operator.mapping.items()}
    _check_secrets(operator, job)
    if getattr(operator, "deferrable", False):
        # What it would return when it resumes is not the step's result.
        setattr(operator, "deferrable", False)  # noqa: B010 - an attribute of the stock operator, if any
    setattr(operator, mapping["image"], job.image or getattr(operator, mapping["image"]))
    setattr(operator, mapping["command"], _command(operator, operator.mapping["command"], job.command))
    _add_variables(operator, mapping["environment"], job.environment)
    if job.secrets.values:
        _add_variables(operator, mapping["private_environment"], job.secrets.values)


def _attribute(operator: StepInOtherOperator, argument: str) -> str:
    """Return the attribute that keeps an argument: it has its name, or is a private one."""
    for name in (argument, f"_{argument}"):
        if hasattr(operator, name):
            return name
    raise ContainerError(
        f"{type(operator).__name__} has no attribute {argument!r}; name in the orchestrator's table of "
        "operators what it has"
    )


def _check_secrets(operator: StepInOtherOperator, job: ContainerJob) -> None:
    if job.secrets.kubernetes:
        raise ContainerError(
            f"step {job.step!r}: {', '.join(job.secrets.kubernetes)} is a secret of Kubernetes, which "
            "reaches steps with operator='kubernetes' only"
        )
    if job.secrets.values and "private_environment" not in operator.mapping:
        raise ContainerError(
            f"step {job.step!r} needs secret variables, and the orchestrator's table of operators names no "
            f"private_environment of {type(operator).__name__} that would take them"
        )


def _command(operator: StepInOtherOperator, name: str, command: list[str]) -> Any:
    """Return the command as a list, or as one text for a shell where the operator takes only that."""
    plain = [_escaped(operator, word) for word in command]
    annotation = _annotation(type(operator), name)
    if annotation:
        takes_text = bool(_TEXT.search(annotation)) and not _MANY.search(annotation)
    else:
        takes_text = isinstance(getattr(operator, name, None), str)
    return shlex.join(plain) if takes_text else plain


def _annotation(cls: type, argument: str) -> str:
    for each in cls.__mro__:
        own = vars(each).get("__init__")
        parameter = inspect.signature(own).parameters.get(argument) if own else None
        if parameter is not None and parameter.annotation is not parameter.empty:
            found = parameter.annotation
            return found if isinstance(found, str) else inspect.formatannotation(found)
    return ""


def _add_variables(operator: StepInOtherOperator, name: str, variables: Mapping[str, str]) -> None:
    """Add variables to those that the operator has, in its form: a dict, or a list as Kubernetes has it."""
    plain = {key: _escaped(operator, value) for key, value in variables.items()}
    present = getattr(operator, name)
    if isinstance(present, list):
        setattr(operator, name, [*present, *(_variable(operator, *each) for each in plain.items())])
    else:
        setattr(operator, name, {**(present or {}), **plain})


def _variable(operator: StepInOtherOperator, name: str, value: str) -> Any:
    if not _on_kubernetes(operator):
        return {"name": name, "value": value}
    from kubernetes.client import V1EnvVar

    return V1EnvVar(name=name, value=value)


def _escaped(operator: StepInOtherOperator, text: str) -> str:
    # The kubelet would put a variable's value in the place of "$(NAME)".
    return text.replace("$", "$$") if _on_kubernetes(operator) else text


def _on_kubernetes(operator: StepInOtherOperator) -> bool:
    return any(cls.__module__.startswith(_OF_KUBERNETES) for cls in type(operator).__mro__)


def runs_pods(cls: type) -> bool:
    """Return whether a class is Airflow's operator of pods or derives from it."""
    return any(
        each.__name__ == "KubernetesPodOperator" and each.__module__.startswith(_OF_KUBERNETES)
        for each in cls.__mro__
    )


def models_when_made(stock: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments for a class, with models where Airflow's operator of pods takes no plain JSON."""
    names = [name for name in MODELS_ONLY if arguments.get(name)]
    if not names or not runs_pods(stock):
        return dict(arguments)
    from airflow_provider_pipes.operators.kubernetes_arguments import models_of

    return {**arguments, **{name: models_of(name, arguments[name]) for name in names}}
