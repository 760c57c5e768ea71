"""What every launcher does before a step runs: local orchestrator, Airflow operator, entrypoint.

In this order, so that nothing starts that need not: is the token's result there
already, does the cache have it, and if neither, write the execution info.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest
from airflow_provider_pipes.models.paths import execution_info_path, step_run_folder
from airflow_provider_pipes.runtime import results
from airflow_provider_pipes.runtime.failures import Attempt
from airflow_provider_pipes.runtime.inputs import References, resolve_inputs
from airflow_provider_pipes.runtime.plan import StepPlan

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage


@dataclass(frozen=True)
class StepLaunch:
    """One attempt at a step run.

    Attributes:
        token: Names the result; attempts of one step run share it.
        use_cache: Whether this run may take results from the cache; it files its own in any case
            unless the step says ``cache=False``.
    """

    storage: Storage
    plan: StepPlan
    run_name: str
    token: str
    attempt: int = 1
    use_cache: bool = True

    @property
    def prefix(self) -> str:
        """Folder of the token in the store."""
        return step_run_folder(self.plan.deployment.pipeline, self.run_name, self.plan.name, self.token)

    @property
    def execution_info_path(self) -> str:
        """Where the execution info is."""
        return execution_info_path(self.prefix, self.attempt)

    @property
    def tried(self) -> Attempt:
        """The attempt, for who writes down or reads how it failed."""
        return Attempt(self.storage, self.prefix, self.plan.name, self.token, self.attempt)

    def finished(self) -> Manifest | None:
        """Return the result if an earlier attempt left it."""
        return results.read_manifest(self.storage, self.prefix)

    def prepare(self, parameters: Mapping[str, Any], upstream: Mapping[str, References]) -> Manifest | None:
        """Return the result from the cache, or write the execution info and return None."""
        started = time.time()
        inputs = resolve_inputs(self.plan, parameters, upstream)
        key = results.cache_key(self.plan, inputs) if self.plan.cache else None
        if key is not None and self.use_cache:
            found = results.find_in_cache(self.storage, key)
            if found is not None:
                return self._adopt(*found, key, started)
        info = ExecutionInfo(
            deployment_id=self.plan.deployment.id,
            pipeline=self.plan.deployment.pipeline,
            step=self.plan.name,
            run_name=self.run_name,
            token=self.token,
            attempt=self.attempt,
            inputs=inputs,
            prefix=self.prefix,
            cache_key=key,
        )
        self.storage.write(self.execution_info_path, info.to_json())
        return None

    def _adopt(self, source_prefix: str, found: Manifest, key: str, started: float) -> Manifest:
        manifest = Manifest(
            pipeline=self.plan.deployment.pipeline,
            run_name=self.run_name,
            step=self.plan.name,
            token=self.token,
            outputs={},
            started=started,
            seconds=time.time() - started,
            cache_key=key,
            code_hash=self.plan.code_hash,
            deployment_id=self.plan.deployment.id,
            attempt=self.attempt,
            host=socket.gethostname(),
            python=sys.version.split()[0],
        )
        return results.commit_manifest(
            self.storage, self.prefix, results.adopted(manifest, found, source_prefix)
        )
