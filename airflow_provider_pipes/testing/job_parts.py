"""What contract suites put into a job to see what happens there; no pytest here, since a job has none."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, cast

from airflow_provider_pipes.artifacts.credentials import open_store
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from airflow_provider_pipes.orchestrators.flavors import BaseOrchestratorConfig
from airflow_provider_pipes.orchestrators.local import LocalOrchestrator

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepRunInfo

STARTED = "contract/started"
"""Folder of a store with a file for each start of a job."""

HOOKS = "contract/hooks"
"""Folder of a store with a file for each call of a stack's hook."""

PREPARED = "CONTRACT_PREPARED"
"""The environment variable that ``prepare_step_run`` sets."""

COUNTING = f"{__name__}.CountingEntrypoint"
"""Class path of the entrypoint configuration that counts starts."""


class CountingEntrypoint(StepOperatorEntrypointConfiguration):
    """Leaves a file in the store each time that the command is executed, then runs the step."""

    def run(self) -> None:
        """Leave the file and run the step."""
        self.find_step().storage.write(f"{STARTED}/{secrets.token_hex(8)}", b"")
        super().run()


class HookRecorderConfig(BaseOrchestratorConfig):
    """Configuration of the orchestrator that records hooks.

    Attributes:
        store: Address of the store that it records in.
        connection_id: The store's connection.
    """

    store: str
    connection_id: str | None = None


class HookRecorder(LocalOrchestrator):
    """A local orchestrator whose hooks leave files in the store, wherever a step runs."""

    def prepare_step_run(self, info: StepRunInfo) -> None:
        """Set a variable that the step can see."""
        os.environ[PREPARED] = info.config.name

    def cleanup_step_run(self, info: StepRunInfo, step_failed: bool) -> None:
        """Record that the step run is over, and how."""
        config = cast(HookRecorderConfig, self.config)
        record = json.dumps({"failed": step_failed, "run": info.run_name})
        storage = open_store(config.store, config.connection_id)
        storage.write(f"{HOOKS}/{info.config.name}-{secrets.token_hex(4)}.json", record.encode())
