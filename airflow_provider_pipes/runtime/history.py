"""Runs read back from the artifact store: what `pipes runs` shows."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_pipes.errors import ArtifactError, PipesError, RunNotFoundError, SchemaVersionError
from airflow_provider_pipes.models.documents import Document, Failure, Manifest, RunRecord
from airflow_provider_pipes.models.names import path_segment
from airflow_provider_pipes.models.paths import pipeline_folder
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.results import manifest_path
from airflow_provider_pipes.runtime.runs import local_token

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage

logger = logging.getLogger(__name__)

_RUNS = "runs"
_LOCAL = "run.json"
_END = "end.json"
_Document = TypeVar("_Document", bound=Document)


@dataclass(frozen=True)
class StepHistory:
    """One step of a run.

    Attributes:
        state: success, failed, skipped, running, interrupted, unfinished or not_run.
        token: Names the result shown; a step that was cleared has several, and this is the newest.
        attempts: Tries that were begun for this token; none where the cache had the result.
        failures: What failed attempts left, the first one first.
        why: Why it was skipped.
    """

    name: str
    state: str
    token: str = ""
    attempts: int = 0
    manifest: Manifest | None = None
    failures: tuple[Failure, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class RunHistory:
    """One run.

    Attributes:
        state: success, failed, running, interrupted or unfinished; Airflow itself knows more of its
            own runs than the store does.
        ended: Seconds since the epoch; None where it is not known, or not yet.
        steps: In the order of the pipeline; left out in lists of local runs.
    """

    record: RunRecord
    state: str
    ended: float | None
    steps: tuple[StepHistory, ...] = ()

    @property
    def seconds(self) -> float | None:
        """Time from its start to its end."""
        return None if self.ended is None else max(0.0, self.ended - self.record.started)


@dataclass(frozen=True)
class _RunFolder:
    path: str
    names: tuple[str, ...]
    record: RunRecord


class History:
    """The runs of an artifact store."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def runs(self, pipeline: str | None = None, limit: int | None = None) -> list[RunHistory]:
        """Return runs, the newest first.

        Args:
            pipeline: Name of the one whose runs are asked for.
            limit: How many at most.
        """
        found = sorted(self._folders(pipeline), key=lambda each: each.record.started, reverse=True)
        # How a local run ended is written down; how an Airflow run did, only its steps tell.
        return [self._history(each, with_steps=each.record.origin != "local") for each in found[:limit]]

    def newest(self, pipeline: str | None, limit: int) -> list[tuple[str, str]]:
        """Return the names of the newest runs and of their pipelines, the newest first."""
        # Of each pipeline no more are read than that: the names that we choose tell when a run began.
        found = [
            folder.record
            for parent in self._pipeline_folders(pipeline)
            for name in sorted(self._storage.list(parent), reverse=True)[:limit]
            if (folder := self._folder(f"{parent}/{name}")) is not None
        ]
        found.sort(key=lambda record: -record.started)
        return [(record.run_name, record.pipeline) for record in found[:limit]]

    def pipelines(self) -> list[str]:
        """Return the names of the pipelines that have runs."""
        folders = map(self._folders_in, self._pipeline_folders(None))
        return sorted(first.record.pipeline for found in folders if (first := next(found, None)))

    def run(self, run_name: str, pipeline: str | None = None) -> RunHistory:
        """Return one run.

        Raises:
            RunNotFoundError: there is none of this name, or there are several.
        """
        wanted = path_segment(run_name)
        found = [
            each
            for folder in self._pipeline_folders(pipeline)
            if (each := self._folder(f"{folder}/{wanted}")) and each.record.run_name == run_name
        ]
        if len(found) > 1:
            names = ", ".join(sorted(each.record.pipeline for each in found))
            raise RunNotFoundError(
                f"several pipelines have a run named {run_name!r}: {names}; name one by --pipeline"
            )
        if not found:
            raise RunNotFoundError(self._not_found(run_name, pipeline))
        return self._history(found[0])

    def _not_found(self, run_name: str, pipeline: str | None) -> str:
        from difflib import get_close_matches

        near = get_close_matches(run_name, [each.record.run_name for each in self._folders(pipeline)], n=1)
        of = f" of pipeline {pipeline!r}" if pipeline else ""
        hint = f"did you mean {near[0]!r}?" if near else "`pipes runs list` shows those there are"
        return f"there is no run {run_name!r}{of} in {self._storage.uri}; {hint}"

    def _pipeline_folders(self, pipeline: str | None) -> list[str]:
        if pipeline is not None:
            return [pipeline_folder(pipeline)]
        return [f"{_RUNS}/{name}" for name in self._storage.list(_RUNS)]

    def _folders(self, pipeline: str | None) -> Iterator[_RunFolder]:
        for folder in self._pipeline_folders(pipeline):
            yield from self._folders_in(folder)

    def _folders_in(self, parent: str) -> Iterator[_RunFolder]:
        for name in self._storage.list(parent):
            found = self._folder(f"{parent}/{name}")
            if found is not None:
                yield found

    def _folder(self, path: str) -> _RunFolder | None:
        names = tuple(self._storage.list(path))
        records = [
            record
            for name in names
            if name == _LOCAL or (name.startswith("run-") and name.endswith(".json"))
            if (record := self._read(f"{path}/{name}", RunRecord)) is not None
        ]
        # An Airflow run that was cleared has started more than once; so has one of two Airflows on one store.
        return _RunFolder(path, names, max(records, key=lambda each: each.started)) if records else None

    def _history(self, folder: _RunFolder, with_steps: bool = True) -> RunHistory:
        record = folder.record
        ending = self._ending(folder)
        steps = tuple(self._steps(folder, ending)) if with_steps else ()
        if record.origin != "local":
            steps = self._with_skips(folder, steps)
        if record.origin == "local":
            return RunHistory(record, ending.state or _unended(record), ending.ended, steps)
        ends = [each.manifest.started + each.manifest.seconds for each in steps if each.manifest]
        ends += [each.failures[-1].started + each.failures[-1].seconds for each in steps if each.failures]
        return RunHistory(record, _airflow_state(steps), max(ends, default=None), steps)

    def _with_skips(self, folder: _RunFolder, steps: tuple[StepHistory, ...]) -> tuple[StepHistory, ...]:
        """Mark what Airflow skips without starting it: the steps after a skipped one."""
        plan = self._plan(folder)
        skipped: set[str] = {step.name for step in steps if step.state == "skipped"}
        if plan is None or not skipped:
            return steps
        found = []
        for step in steps:
            before = [name for name in plan.step(step.name).upstream if name in skipped]
            if step.state == "not_run" and before:
                skipped.add(step.name)
                step = replace(step, state="skipped", why=f"step {before[0]!r} before it was skipped")
            found.append(step)
        return tuple(found)

    def _plan(self, folder: _RunFolder) -> DeploymentPlan | None:
        try:
            return DeploymentPlan.load(self._storage, folder.record.deployment_id)
        except PipesError as error:
            logger.warning("the deployment of run %s can't be read: %s", folder.record.run_name, error)
            return None

    def _ending(self, folder: _RunFolder) -> _Ending:
        if folder.record.origin != "local" or _END not in folder.names:
            return _Ending()
        try:
            values = json.loads(self._storage.read(f"{folder.path}/{_END}"))
            return _Ending(str(values["state"]), float(values["ended"]), dict(values.get("skipped", {})))
        except (ArtifactError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s/%s can't be read: %s", folder.path, _END, error)
            return _Ending()

    def _steps(self, folder: _RunFolder, ending: _Ending) -> Iterator[StepHistory]:
        alive = ending.state or _unended(folder.record)
        for name in self._step_names(folder):
            segment = path_segment(name)
            found = self._step(folder, name, segment) if segment in folder.names else None
            if name in ending.skipped and (found is None or found.manifest is None):
                yield StepHistory(name, "skipped", why=ending.skipped[name])
            elif found is None:
                yield StepHistory(name, "not_run")
            elif found.state == "unfinished" and folder.record.origin == "local":
                yield StepHistory(
                    name, "running" if alive == "running" else "interrupted", found.token, found.attempts
                )
            else:
                yield found

    def _step_names(self, folder: _RunFolder) -> list[str]:
        plan = self._plan(folder)
        return plan.step_names() if plan else [name for name in folder.names if not name.endswith(".json")]

    def _step(self, folder: _RunFolder, name: str, segment: str) -> StepHistory | None:
        path = f"{folder.path}/{segment}"
        tokens = self._storage.list(path)
        if folder.record.origin == "local":
            tokens = [token for token in tokens if token == local_token(folder.record, name)]
        found = [self._token(name, token, f"{path}/{token}") for token in tokens]
        return max(found, key=_moment, default=None)

    def _token(self, name: str, token: str, path: str) -> StepHistory:
        names = self._storage.list(path)
        manifest = self._read(manifest_path(path), Manifest) if "manifest.json" in names else None
        read = [self._read(f"{path}/{each}", Failure) for each in names if each.startswith("failure-")]
        failures = tuple(sorted((each for each in read if each), key=lambda each: each.started))
        attempts = sum(each.startswith("execution-info-") for each in names)
        state, why = _step_state(manifest, failures)
        return StepHistory(name, state, token, attempts, manifest, failures, why)

    def _read(self, path: str, kind: type[_Document]) -> _Document | None:
        try:
            return kind.from_json(self._storage.read(path))
        except (ArtifactError, SchemaVersionError, ValueError, TypeError, AttributeError) as error:
            logger.warning("%s can't be read: %s", path, error)
            return None


@dataclass(frozen=True)
class _Ending:
    state: str = ""
    ended: float | None = None
    skipped: Mapping[str, Any] = field(default_factory=dict)


def _step_state(manifest: Manifest | None, failures: tuple[Failure, ...]) -> tuple[str, str]:
    if manifest is not None:
        return "success", ""
    if not failures:
        return "unfinished", ""
    last = failures[-1]
    states = {"skipped": ("skipped", last.message), "interrupted": ("interrupted", "")}
    return states.get(last.reason, ("failed", ""))


def _moment(step: StepHistory) -> float:
    moments = [each.started for each in step.failures]
    return max([*moments, step.manifest.started] if step.manifest else moments, default=0.0)


def _airflow_state(steps: tuple[StepHistory, ...]) -> str:
    states = {step.state for step in steps}
    if "failed" in states:
        return "failed"
    return "success" if states <= {"success", "skipped"} else "unfinished"


def _unended(record: RunRecord) -> str:
    """Return how a local run is that nothing says the end of."""
    if record.host != socket.gethostname():
        return "unfinished"
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return "interrupted"
    except (OSError, OverflowError):
        return "running"
    return "running" if record.pid > 0 else "unfinished"
