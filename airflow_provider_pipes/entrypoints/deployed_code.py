"""The code of a deployment, found by the arguments of an entrypoint whose class may itself be in it."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import (
    DEPLOYMENT_ID_OPTION,
    STORE_CONNECTION_ID_OPTION,
    STORE_OPTION,
    StepEntrypointConfiguration,
)
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    EXECUTION_INFO_PATH_OPTION,
    execution_info_of,
)
from airflow_provider_pipes.runtime.code import activate_code
from airflow_provider_pipes.runtime.plan import DeploymentPlan


class _AnyEntrypoint(StepEntrypointConfiguration):
    """Reads the options that tell where code is, and leaves the rest to the class that is looked for."""

    @classmethod
    def get_entrypoint_options(cls) -> set[str]:
        return set()

    @classmethod
    def get_optional_entrypoint_options(cls) -> set[str]:
        return super().get_optional_entrypoint_options() | {EXECUTION_INFO_PATH_OPTION}


def activate_deployed_code(arguments: Sequence[str]) -> None:
    """Make a deployment's code importable, if the arguments tell which it is.

    Before the entrypoint's own class is imported: from the project's folder it would be another module
    than the snapshot's, and elsewhere there is no such folder.
    """
    made = _AnyEntrypoint(arguments)
    given = made.entrypoint_args
    if given[EXECUTION_INFO_PATH_OPTION] is not None:
        storage, info = execution_info_of(
            given[EXECUTION_INFO_PATH_OPTION], given[STORE_CONNECTION_ID_OPTION]
        )
        activate_code(storage, DeploymentPlan.load(storage, info.deployment_id))
    elif given[STORE_OPTION] is not None and given[DEPLOYMENT_ID_OPTION] is not None:
        activate_code(made.storage, DeploymentPlan.load(made.storage, given[DEPLOYMENT_ID_OPTION]))
