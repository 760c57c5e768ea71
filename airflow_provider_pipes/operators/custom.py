"""Steps run by an Airflow operator class that is none of ours. Imported at every parse, as ``mixin`` is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.operators.container import ContainerStepMixin
from airflow_provider_pipes.operators.custom_attributes import models_when_made
from airflow_provider_pipes.operators.mixin import StepTaskMixin

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_pipes.operators.container_job import ContainerJob


class StepInOtherOperator(ContainerStepMixin):
    """Gives an Airflow operator its image, command and variables, and lets it run them.

    Attributes:
        mapping: For "image", "command", "environment" and "private_environment", the attribute that takes it.
    """

    mapping: dict[str, str]
    surely_waits = False

    def run_container(self, job: ContainerJob, context: Context) -> None:
        """Run the step by the operator's own ``execute``, in this process."""
        from airflow_provider_pipes.operators.custom_attributes import give_attributes

        give_attributes(self, job)
        super(StepTaskMixin, self).execute(context)  # type: ignore[misc]


def step_operator_class(
    stock: type[BaseOperator],
    *,
    image: str = "image",
    command: str = "command",
    environment: str = "environment",
    private_environment: str | None = None,
) -> type[BaseOperator]:
    """Return a class of operators that run a step as ``stock`` runs a command in an image.

    Args:
        stock: An Airflow operator class.
        image: Its argument, and attribute, for the image.
        command: That for the command.
        environment: That for the variables of the command.
        private_environment: That for variables that hold secrets, where it has one.
    """
    # What the class insists on; the step's own is not known before the task runs.
    needed: dict[str, Any] = {name: [] for name in (command,) if _is_required(stock, name)}

    def __init__(  # noqa: N807 - it becomes the method of that name
        self: Any,
        *,
        deployment_id: str,
        pipeline: str,
        store: str,
        store_connection_id: str | None = None,
        step_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if "image" in kwargs:
            kwargs[image] = kwargs.pop("image")
        kwargs = models_when_made(stock, kwargs)
        super(made, self).__init__(**{**needed, **kwargs})
        self.run_for(deployment_id, pipeline, store, store_connection_id, step_name or kwargs["task_id"])

    mapping = {"image": image, "command": command, "environment": environment}
    if private_environment is not None:
        mapping["private_environment"] = private_environment
    attributes = {
        "__init__": __init__,
        "__doc__": f"Runs a step of a compiled pipeline by ``{stock.__name__}``.",
        "__module__": __name__,
        "container_kind": f"a job of {stock.__name__}",
        "mapping": mapping,
    }
    metaclass: Any = type(stock)
    made: Any = metaclass(f"Step{stock.__name__}", (StepInOtherOperator, stock), attributes)
    found: type[BaseOperator] = made
    return found


def _is_required(stock: type, argument: str) -> bool:
    import inspect

    for cls in stock.__mro__:
        own = vars(cls).get("__init__")
        parameter = inspect.signature(own).parameters.get(argument) if own else None
        if parameter is not None:
            return parameter.default is parameter.empty
    return False
