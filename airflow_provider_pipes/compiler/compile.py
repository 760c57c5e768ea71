"""From a traced pipeline to a ``PipelineDeployment``, with everything that is wrong told at once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.authoring.tracing import StepCall, Trace
from airflow_provider_pipes.compiler import settings
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.inputs import InputCompiler
from airflow_provider_pipes.compiler.parameters import parameter_specs
from airflow_provider_pipes.compiler.typecheck import type_name
from airflow_provider_pipes.errors import CompileError, PipesError, UserCodeError
from airflow_provider_pipes.models.deployment import (
    ParameterSpec,
    PipelineConfig,
    PipelineDeployment,
    StackSpec,
    StepSpec,
)
from airflow_provider_pipes.models.deployment import OutputSpec as DeployedOutput
from airflow_provider_pipes.models.names import airflow_key_problem
from airflow_provider_pipes.models.settings import DockerSettings, TaskSettings
from airflow_provider_pipes.runtime.sources import user_traceback

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline


@dataclass(frozen=True)
class StackView:
    """What the compiler needs to know of a stack.

    Attributes:
        spec: The stack as the deployment holds it.
        step_operators: Names of the step operators in it.
        enforces_resources: Whether its orchestrator gives a step the resources that it asks for.
        defaults: The project's defaults for steps.
    """

    spec: StackSpec
    step_operators: tuple[str, ...] = ()
    enforces_resources: bool = False
    task: TaskSettings = TaskSettings()
    docker: DockerSettings = DockerSettings()


@dataclass(frozen=True)
class Compilation:
    """A compiled pipeline, and what a person should know about it although it works."""

    deployment: PipelineDeployment
    warnings: tuple[str, ...] = ()


def compile_pipeline(pipeline: Pipeline[...], stack: StackView, code: ProjectCode) -> Compilation:
    """Compile a pipeline for a stack.

    Raises:
        CompileError: what is wrong with it, all of it.
    """
    compiler = _Compiler(pipeline, stack, code)
    deployment = compiler.deployment()
    if compiler.problems or deployment is None:
        subject = f"pipeline {pipeline.name!r} ({pipeline.location})"
        relative = [code.relative_text(problem) for problem in compiler.problems]
        raise CompileError(code.relative_text(subject), list(dict.fromkeys(relative)))
    return Compilation(deployment, tuple(dict.fromkeys(map(code.relative_text, compiler.warnings))))


class _Compiler:
    def __init__(self, pipeline: Pipeline[...], stack: StackView, code: ProjectCode) -> None:
        self.pipeline = pipeline
        self.stack = stack
        self.code = code
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def deployment(self) -> PipelineDeployment | None:
        where = f"pipeline {self.pipeline.name!r}"
        parameters, problems = parameter_specs(self.pipeline)
        self.problems += problems
        config = self._config(where, parameters)
        trace = self._trace()
        modules = dict.fromkeys([self.pipeline.function.__module__, *map(_module, trace.calls), *self._components()])
        include = self.pipeline.options.get("include", ())
        hashes = self.code.hashes(modules, include, self.problems, self.warnings)
        specs = self._steps(trace, config, hashes)
        if self.problems or config is None:
            return None
        return PipelineDeployment(
            pipeline=config, step_specs=tuple(specs), code=self.code.spec, stack=self.stack.spec
        )

    def _components(self) -> list[str]:
        """Return the project's own modules that workers build the stack's components from."""
        paths = [path for spec in self.stack.spec.components for path in (spec.implementation, spec.config_class)]
        return [module for path in paths if self.code.index.holds(module := path.partition(":")[0])]

    def _trace(self) -> Trace:
        try:
            trace = self.pipeline.trace()
        except PipesError:
            raise
        except Exception as error:  # whatever the user's own code in the body raises
            said = f"the body of pipeline {self.pipeline.name!r} raised {type(error).__name__}: {error}"
            raise UserCodeError(self.code.relative_text(said), user_traceback(error)) from error
        self.problems += trace.problems
        if not trace.calls and not trace.problems:
            self.problems.append("its body calls no step; call at least one function decorated with @step")
        return trace

    def _config(self, where: str, parameters: tuple[ParameterSpec, ...]) -> PipelineConfig | None:
        options, before = self.pipeline.options, len(self.problems)
        doc = inspect.getdoc(self.pipeline.function) or ""
        task = settings.task_settings(where, options, self.problems).over(self.stack.task)
        schedule = settings.schedule(where, options, self.problems)
        docker = settings.docker(where, options, self.stack.docker, self.problems)
        texts = {
            "name": options.get("name", self.pipeline.name),
            "description": options.get("description", doc.partition("\n")[0]),
            "docstring": doc,
        }
        self._check_name("pipeline", texts["name"])
        tags = self._tags(where)
        run_timeout = self._run_timeout(where)
        for name, text in texts.items():
            self._check_text(f"{where}, {name}", text)
        if len(self.problems) > before:
            return None
        return PipelineConfig(
            name=texts["name"],
            source=self.pipeline.source,
            description=texts["description"],
            doc=doc,
            parameters=parameters,
            schedule=schedule,
            tags=tags,
            task=task,
            run_timeout=run_timeout,
            docker_settings=docker,
        )

    def _tags(self, where: str) -> tuple[str, ...]:
        tags = self.pipeline.options.get("tags", ())
        if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
            self.problems.append(f"{where}, tags: expected a list of text, got {tags!r}")
            return ()
        for tag in tags:
            self._check_text(f"{where}, tag {tag!r}", tag)
            if not 0 < len(tag) <= 100:
                self.problems.append(f"{where}, tag {tag[:20]!r}…: has {len(tag)} characters; Airflow takes 1 to 100")
        return tuple(dict.fromkeys(tags))

    def _run_timeout(self, where: str) -> float | None:
        timeout = self.pipeline.options.get("run_timeout")
        if timeout is None:
            return None
        if not isinstance(timeout, timedelta) or timeout <= timedelta(0):
            self.problems.append(f"{where}, run_timeout: expected a timedelta longer than zero, got {timeout!r}")
            return None
        return timeout.total_seconds()

    def _check_name(self, kind: str, name: Any) -> None:
        if not isinstance(name, str):
            self.problems.append(f"{kind}, name: expected text, got {name!r}")
            return
        problem = airflow_key_problem(kind, name)
        if problem:
            self.problems.append(problem)

    def _check_text(self, where: str, text: Any) -> None:
        if not isinstance(text, str):
            self.problems.append(f"{where}: expected text, got {text!r}")
        elif "\x00" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            self.problems.append(
                f"{where}: holds a NUL character or a lone surrogate, which Airflow's database does not take; remove it"
            )

    def _steps(
        self, trace: Trace, config: PipelineConfig | None, code: Mapping[str, str]
    ) -> list[StepSpec]:
        annotations = self._parameter_annotations()
        known: set[StepCall] = set()
        specs = []
        for call in trace.calls:
            spec = self._step(call, known, annotations, config, code)
            known.add(call)
            if spec is not None:
                specs.append(spec)
        return specs

    def _parameter_annotations(self) -> dict[str, Any]:
        try:
            found = self.pipeline.annotations
        except Exception:  # told by parameter_specs
            found = {}
        return {name: found.get(name, Any) for name in self.pipeline.signature.parameters}

    def _step(
        self,
        call: StepCall,
        known: set[StepCall],
        annotations: dict[str, Any],
        config: PipelineConfig | None,
        code: Mapping[str, str],
    ) -> StepSpec | None:
        where, options, before = f"step {call.name!r}", call.step.options, len(self.problems)
        inputs = InputCompiler(call, known, annotations)
        compiled = inputs.compile()
        self.problems += inputs.problems
        self._check_name("step", call.name)
        self._check_source(call)
        doc = inspect.getdoc(call.step.function) or ""
        self._check_text(f"{where}, docstring", doc)
        task = settings.task_settings(where, options, self.problems)
        docker = settings.docker(
            where, options, config.docker_settings if config else DockerSettings(), self.problems
        )
        resources = settings.resources(where, options, self.problems)
        cache = settings.boolean(where, options, "cache", self._pipeline_cache(), self.problems)
        operator = self._step_operator(where, options.get("step_operator"))
        outputs = self._outputs(where, call)
        if not resources.empty and operator is None and not self.stack.enforces_resources:
            self.warnings.append(f"{where}: its resources are not enforced where it runs; nothing limits or grants them")
        if len(self.problems) > before or config is None:
            return None
        return StepSpec(
            name=call.name,
            source=call.step.source,
            doc=doc,
            inputs=compiled,
            outputs=outputs,
            returns_tuple=call.step.returns_tuple,
            upstream=tuple(inputs.upstream),
            code_hash=code[_module(call)],
            cache=cache,
            task=task.over(config.task),
            resource_settings=resources,
            docker_settings=docker,
            step_operator=operator,
        )

    def _pipeline_cache(self) -> bool:
        return settings.boolean(f"pipeline {self.pipeline.name!r}", self.pipeline.options, "cache", True, self.problems)

    def _check_source(self, call: StepCall) -> None:
        """A step is found again by its name, in another process: it must be where its name says."""
        found: Any = sys.modules.get(call.step.function.__module__)
        for part in call.step.function.__qualname__.split("."):
            found = getattr(found, part, None)
        if getattr(found, "function", found) is not call.step.function:
            self.problems.append(
                f"step {call.name!r} ({call.location}): its function {call.step.source!r} is not found under that name "
                "in its module; define it at the top level, under its own name"
            )

    def _step_operator(self, where: str, name: Any) -> str | None:
        if name is None:
            return None
        if name in self.stack.step_operators:
            return str(name)
        stack = self.stack.spec.name
        if not self.stack.step_operators:
            self.problems.append(f"{where}: No step operator specified for active stack {stack!r}; add {name!r} to it")
        else:
            self.problems.append(
                f"{where}: No step operator named {name!r} in active stack {stack!r}; "
                f"it has: {', '.join(map(repr, self.stack.step_operators))}"
            )
        return None

    def _outputs(self, where: str, call: StepCall) -> tuple[DeployedOutput, ...]:
        chosen = call.step.options.get("materializers", {})
        names = [output.name for output in call.outputs]
        for name in names:
            if names.count(name) > 1:
                self.problems.append(f"{where}: two outputs are named {name!r}; name each by Annotated[T, 'name']")
        for name in chosen:
            if name not in names:
                self.problems.append(f"{where}, materializers: it has no output {name!r}; it has: {', '.join(names)}")
        return tuple(
            DeployedOutput(
                name=output.name, type=type_name(output.annotation), materializer=self._materializer(where, chosen, output.name)
            )
            for output in call.outputs
        )

    def _materializer(self, where: str, chosen: Mapping[str, Any], name: str) -> str | None:
        materializer = chosen.get(name)
        if materializer is None:
            return None
        if not isinstance(materializer, type) or "<locals>" in materializer.__qualname__:
            self.problems.append(f"{where}, materializers: {name!r} needs a Materializer class of a module, got {materializer!r}")
            return None
        return f"{materializer.__module__}:{materializer.__qualname__}"


def _module(call: StepCall) -> str:
    return call.step.function.__module__


__all__ = ["Compilation", "StackView", "compile_pipeline"]
