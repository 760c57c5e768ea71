"""Run one step as its execution info says: load, call, store, commit."""

from __future__ import annotations

import inspect
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.artifacts.payloads import load_artifact, save_artifact
from airflow_provider_pipes.authoring.context import StepContext, step_context
from airflow_provider_pipes.errors import ArtifactError, StepFailedError
from airflow_provider_pipes.models.documents import ExecutionInfo, Manifest, OutputReference
from airflow_provider_pipes.models.names import path_segment
from airflow_provider_pipes.runtime import results
from airflow_provider_pipes.runtime.failures import Attempt
from airflow_provider_pipes.runtime.hooks import step_hooks
from airflow_provider_pipes.runtime.inputs import load_inputs
from airflow_provider_pipes.runtime.plan import DeploymentPlan, StepPlan
from airflow_provider_pipes.runtime.sources import load_source

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage


def read_execution_info(storage: Storage, path: str) -> ExecutionInfo:
    """Read the execution info that a launcher wrote."""
    return ExecutionInfo.from_json(storage.read(path))


def run_step(storage: Storage, info: ExecutionInfo, deployment: DeploymentPlan) -> Manifest:
    """Run the step and return its manifest; the step's code must be importable already.

    A result that is there already is returned as it is. An exception of the user's function passes
    unchanged, after ``failure-<n>.json`` is written; so does whatever interrupts it.
    """
    done = results.read_manifest(storage, info.prefix)
    if done is not None:
        return done
    started = time.time()
    plan = deployment.step(info.step)
    with _scratch() as scratch, Attempt.of(storage, info).failure_kept():
        context = StepContext(
            pipeline_name=info.pipeline,
            run_name=info.run_name,
            step_name=info.step,
            attempt=info.attempt,
            deployment_id=info.deployment_id,
            token=info.token,
            scratch_dir=scratch,
        )
        with step_hooks(plan, info.run_name), step_context(context):
            value = _call(storage, plan, info, scratch)
        outputs = _store(storage, plan, info, value)
        return _commit(storage, plan, info, context, outputs, started)


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pipes-step-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(storage: Storage, plan: StepPlan, info: ExecutionInfo, scratch: Path) -> Any:
    function = load_source(plan.source)
    function = getattr(function, "function", function)  # a @step holds its function
    arguments = load_inputs(info.inputs, lambda reference: load_artifact(storage, reference, scratch=scratch))
    try:
        value = function(**arguments)
        return _awaited(plan, value) if inspect.iscoroutine(value) else value
    except SystemExit as error:
        if type(error) is not SystemExit:
            raise  # of a signal, see entrypoints.entrypoint
        # Let through, it would end this process, a whole local run perhaps, and with 0 look like a success.
        raise StepFailedError(
            f"step {plan.name!r} called sys.exit({error.code!r}); return from the function, or raise an "
            "exception to fail"
        ) from error


def _awaited(plan: StepPlan, coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio

    try:
        return asyncio.run(coroutine)
    except asyncio.CancelledError as error:
        raise StepFailedError(f"step {plan.name!r}: its coroutine was cancelled") from error


def _store(storage: Storage, plan: StepPlan, info: ExecutionInfo, value: Any) -> dict[str, OutputReference]:
    """Store every output in a folder of this process's own; nothing there counts before the manifest."""
    attempt_folder = f"{info.prefix}/{secrets.token_hex(6)}"
    stored = {}
    for (name, materializer), each in _named_outputs(plan, value):
        try:
            path = f"{attempt_folder}/{path_segment(name)}"
            stored[name] = save_artifact(storage, path, each, materializer)
        except ArtifactError as error:
            raise ArtifactError(f"step {plan.name!r}, output {name!r}: {error}") from error
    return stored


def _named_outputs(plan: StepPlan, value: Any) -> list[tuple[tuple[str, str | None], Any]]:
    declared = [(output.name, output.materializer) for output in plan.outputs]
    if not plan.returns_tuple:
        return list(zip(declared, [value], strict=False))
    if not isinstance(value, tuple | list) or len(value) != len(declared):
        got = f"{len(value)} values" if isinstance(value, tuple | list) else type(value).__name__
        raise StepFailedError(
            f"step {plan.name!r} declares {len(declared)} outputs "
            f"({', '.join(name for name, _ in declared)}) and returned {got}; return a tuple of as many"
        )
    return list(zip(declared, value, strict=True))


def _commit(
    storage: Storage,
    plan: StepPlan,
    info: ExecutionInfo,
    context: StepContext,
    outputs: Mapping[str, OutputReference],
    started: float,
) -> Manifest:
    manifest = Manifest(
        pipeline=info.pipeline,
        run_name=info.run_name,
        step=info.step,
        token=info.token,
        outputs={name: reference.to_mapping() for name, reference in outputs.items()},
        metadata=dict(context.metadata),
        started=started,
        seconds=time.time() - started,
        cache_key=info.cache_key,
        code_hash=plan.code_hash,
        deployment_id=info.deployment_id,
        attempt=info.attempt,
        host=socket.gethostname(),
        image=plan.image,
        resources=plan.resources,
        python=sys.version.split()[0],
    )
    committed = results.commit_manifest(storage, info.prefix, manifest)
    if committed.cache_key is not None:
        results.file_in_cache(storage, committed.cache_key, info.prefix)
    return committed
