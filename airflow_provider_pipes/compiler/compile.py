"""From a traced pipeline to a ``PipelineDeployment``, with everything that is wrong told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_pipes.authoring.tracing import Trace
from airflow_provider_pipes.authoring.values import error_location
from airflow_provider_pipes.compiler.allocation import collection_paused
from airflow_provider_pipes.compiler.code import ProjectCode
from airflow_provider_pipes.compiler.parameters import parameter_specs
from airflow_provider_pipes.compiler.pipeline_config import pipeline_config
from airflow_provider_pipes.compiler.requirements import RequirementsReader
from airflow_provider_pipes.compiler.stackview import StackView
from airflow_provider_pipes.compiler.steps import StepCompiler, module_of
from airflow_provider_pipes.compiler.texts import text_list
from airflow_provider_pipes.errors import CompileError, PipesError, UserCodeError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.runtime.misused_settings import misused_settings
from airflow_provider_pipes.runtime.sources import user_traceback

if TYPE_CHECKING:
    from airflow_provider_pipes.authoring.pipeline import Pipeline

__all__ = ["Compilation", "StackView", "compile_pipeline"]


@dataclass(frozen=True)
class Compilation:
    """A compiled pipeline, and what a person should know about it although it works."""

    deployment: PipelineDeployment
    warnings: tuple[str, ...] = ()


def compile_pipeline(pipeline: Pipeline[...], stack: StackView, code: ProjectCode) -> Compilation:
    """Compile a pipeline for a stack.

    Raises:
        CompileError: what is wrong with it, all of it.
        UserCodeError: its body raised an exception of its own.
    """
    problems: list[str] = []
    warnings: list[str] = []
    with collection_paused():
        deployment = _deployment(pipeline, stack, code, problems, warnings)
    if problems or deployment is None:
        subject = f"pipeline {pipeline.name!r} ({pipeline.location})"
        relative = [code.relative_text(problem) for problem in problems]
        raise CompileError(code.relative_text(subject), list(dict.fromkeys(relative)))
    return Compilation(deployment, tuple(dict.fromkeys(map(code.relative_text, warnings))))


def _deployment(
    pipeline: Pipeline[...], stack: StackView, code: ProjectCode, problems: list[str], warnings: list[str]
) -> PipelineDeployment | None:
    parameters, wrong = parameter_specs(pipeline)
    problems += wrong
    config = pipeline_config(pipeline, parameters, stack, problems)
    trace = _traced(pipeline, code)
    problems += trace.problems
    if not trace.calls and not trace.problems:
        problems.append("its body calls no step; call at least one function decorated with @step")
    modules = dict.fromkeys(
        [pipeline.function.__module__, *map(module_of, trace.calls), *_component_modules(stack, code)]
    )
    where = f"pipeline {pipeline.name!r}, include"
    include = text_list(where, pipeline.options.get("include", ()), problems)
    hashes = code.hashes(modules, include, problems, warnings)
    steps = StepCompiler(pipeline, config, stack, hashes)
    specs = steps.compile(trace.calls)
    problems += steps.problems
    warnings += steps.warnings
    requirements = RequirementsReader(code.layout.root, problems)
    config = config and requirements.pipeline(config)
    specs = requirements.steps(specs)
    if problems or config is None:
        return None
    return PipelineDeployment(pipeline=config, step_specs=specs, code=code.spec, stack=stack.spec)


def _component_modules(stack: StackView, code: ProjectCode) -> list[str]:
    """Return the project's own modules that workers build the stack's components from."""
    paths = [path for spec in stack.spec.components for path in (spec.implementation, spec.config_class)]
    return [module for path in paths if code.index.holds(module := path.partition(":")[0])]


def _traced(pipeline: Pipeline[...], code: ProjectCode) -> Trace:
    try:
        return pipeline.trace()
    except PipesError:
        raise
    except Exception as error:
        if told := misused_settings(error):
            raise told from None
        where = error_location(error)
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UserCodeError(
            code.relative_text(f"the body of pipeline {pipeline.name!r} raised {said} ({where})"),
            user_traceback(error),
        ) from error
