"""The calls of a traced pipeline, compiled to the steps of its deployment."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.authoring.tracing import StepCall
from airflow_provider_pipes.compiler import settings
from airflow_provider_pipes.compiler.inputs import InputCompiler
from airflow_provider_pipes.compiler.misplaced_settings import misplaced_settings
from airflow_provider_pipes.compiler.orchestrator_settings import (
    ignored_settings,
    orchestrator_settings,
    unfolded,
)
from airflow_provider_pipes.compiler.pipeline_config import step_defaults
from airflow_provider_pipes.compiler.texts import check_name, check_text
from airflow_provider_pipes.compiler.typecheck import type_name
from airflow_provider_pipes.models.deployment import OutputSpec, PipelineConfig, StepSpec

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline
    from airflow_provider_pipes.compiler.stackview import StackView


def module_of(call: StepCall) -> str:
    """Return the module that a call's function is from."""
    return call.step.function.__module__


class StepCompiler:
    """Compiles the steps of one pipeline and gathers what is wrong with them.

    Args:
        pipeline: The pipeline.
        config: Its configuration; None where that is wrong already, and steps are only checked.
        stack: What it is compiled for.
        code: The code hash of each module.
    """

    def __init__(
        self,
        pipeline: Pipeline[...],
        config: PipelineConfig | None,
        stack: StackView,
        code: Mapping[str, str],
    ) -> None:
        self._pipeline = pipeline
        self.config = config
        self.stack = stack
        self.code = code
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._parameters = _parameter_annotations(pipeline)
        self._defaults = step_defaults(pipeline, stack, self.problems)
        self.warnings += ignored_settings(f"pipeline {pipeline.name!r}", pipeline.options, stack)
        self._cache = settings.boolean(
            f"pipeline {pipeline.name!r}", pipeline.options, "cache", True, self.problems
        )

    def compile(self, calls: Sequence[StepCall]) -> tuple[StepSpec, ...]:
        """Return the steps that nothing is wrong with."""
        known: set[StepCall] = set()
        specs = []
        for call in calls:
            before = len(self.problems)
            values = self._values(call, known)
            known.add(call)
            if len(self.problems) == before and self.config is not None:
                specs.append(StepSpec(**values))
        findings = self.stack.orchestrator.findings(specs)
        self.problems += findings.problems
        self.warnings += findings.warnings
        self.warnings += misplaced_settings(self._pipeline, calls, self.stack, findings.in_image)
        return tuple(specs)

    def _values(self, call: StepCall, known: set[StepCall]) -> dict[str, Any]:
        where, options = f"step {call.name!r}", call.step.options
        check_name("step", call.name, self.problems)
        self._check_source(call)
        doc = inspect.getdoc(call.step.function) or ""
        check_text(f"{where}, docstring", doc, self.problems)
        inputs = InputCompiler(call, known, self._parameters)
        compiled = inputs.compile()
        self.problems += inputs.problems
        return {
            "name": call.name,
            "source": call.step.source,
            "doc": doc,
            "inputs": compiled,
            "outputs": self._outputs(where, call),
            "returns_tuple": call.step.returns_tuple,
            "upstream": tuple(inputs.upstream),
            "code_hash": self.code[module_of(call)],
            "cache": settings.boolean(where, options, "cache", self._cache, self.problems),
            **self._settings(where, options),
        }

    def _settings(self, where: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a step over those of the pipeline and the project."""
        options = unfolded(where, options, self.problems)
        task = settings.task_settings(where, options, self.problems)
        docker = self.config.docker_settings if self.config else self.stack.docker
        chosen = orchestrator_settings(where, options, self.stack, self._defaults.orchestrator, self.problems)
        self.warnings += ignored_settings(where, options, self.stack)
        return {
            "task": task.over(self.config.task) if self.config else task,
            "docker_settings": settings.docker(where, options, docker, self.problems),
            "resource_settings": settings.resources(where, options, self._defaults.resources, self.problems),
            "step_operator": self._step_operator(where, options.get("step_operator")),
            "orchestrator_settings": self.stack.orchestrator.document(where, chosen, self.problems),
        }

    def _check_source(self, call: StepCall) -> None:
        """A step is found again by its name, in another process: it must be where its name says."""
        found: Any = sys.modules.get(module_of(call))
        for part in call.step.function.__qualname__.split("."):
            found = getattr(found, part, None)
        if getattr(found, "function", found) is not call.step.function:
            self.problems.append(
                f"step {call.name!r} ({call.location}): its function {call.step.source!r} is not found under "
                "that name in its module; define it at the top level, under its own name"
            )

    def _step_operator(self, where: str, name: Any) -> str | None:
        if name is None:
            return None
        if name in self.stack.step_operators:
            return str(name)
        stack, known = self.stack.spec.name, self.stack.step_operators
        if not known:
            self.problems.append(
                f"{where}: No step operator specified for active stack {stack!r}; add {name!r} to it"
            )
        else:
            self.problems.append(
                f"{where}: No step operator named {name!r} in active stack {stack!r}; "
                f"it has: {', '.join(map(repr, known))}"
            )
        return None

    def _outputs(self, where: str, call: StepCall) -> tuple[OutputSpec, ...]:
        names = [output.name for output in call.outputs]
        chosen = self._materializers(where, call.step.options.get("materializers", {}), names)
        before = len(self.problems)
        for name in dict.fromkeys(names):
            check_text(f"{where}, output {name!r}", name, self.problems)
            if not name:
                self.problems.append(f"{where}: an output has an empty name; write Annotated[T, 'name']")
            if names.count(name) > 1:
                self.problems.append(
                    f"{where}: two outputs are named {name!r}; name each by Annotated[T, 'name']"
                )
        if len(self.problems) > before:
            return ()
        return tuple(
            OutputSpec(
                name=output.name, type=type_name(output.annotation), materializer=chosen.get(output.name)
            )
            for output in call.outputs
        )

    def _materializers(self, where: str, chosen: Any, names: Sequence[str]) -> dict[str, str]:
        where = f"{where}, materializers"
        if not isinstance(chosen, Mapping):
            self.problems.append(f"{where}: expected a dict from output names to classes, got {chosen!r}")
            return {}
        found = {}
        for name, materializer in chosen.items():
            if name not in names:
                known = ", ".join(map(repr, names)) or "none"
                self.problems.append(f"{where}: it has no output {name!r}; it has: {known}")
            elif not isinstance(materializer, type) or "<locals>" in materializer.__qualname__:
                self.problems.append(
                    f"{where}: {name!r} needs a Materializer class of a module, got {materializer!r}"
                )
            else:
                found[name] = f"{materializer.__module__}:{materializer.__qualname__}"
        return found


def _parameter_annotations(pipeline: Pipeline[...]) -> dict[str, Any]:
    try:
        found = pipeline.annotations
    except Exception:  # told by parameter_specs
        found = {}
    return {name: found.get(name, Any) for name in pipeline.signature.parameters}
