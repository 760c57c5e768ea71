"""The page of settings: what a user says about pipelines and steps beside their code."""

from __future__ import annotations

from typing import get_type_hints

from pydantic import BaseModel

from airflow_provider_pipes.authoring.options import PipelineOptions, StepOptions, TaskOptions
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Schedule, TaskSettings
from docs.generate.docstrings import parsed
from docs.generate.fields import fields_table, shown_type
from docs.generate.markdown import code, page, plain, table

_INTRO = """
Options are keyword arguments of `@step(…)`, of `a_step.with_options(…)` and of `@pipeline(…)`. What is said
closest to the step counts: `with_options`, then `@step`, then `@pipeline`, then the `[settings.…]` tables of
[pipes.toml](configuration.md#pipestoml). The compiler checks all values, and tells all that is wrong at once.
"""
_STEP = "Every option of [tasks](#options-of-tasks), and:"
_PIPELINE = "Every option of [tasks](#options-of-tasks), as a default for the pipeline's steps, and:"
_TASK = "Also in the table `[settings.task]` of pipes.toml. Without a value, Airflow's own default holds."


def settings_page() -> str:
    """Return the page."""
    return page(
        "Options and settings",
        "`authoring/options.py` and `models/settings.py`",
        _INTRO,
        "## Options of steps",
        _STEP,
        _options(StepOptions),
        "## Options of pipelines",
        _PIPELINE,
        _options(PipelineOptions),
        "## Options of tasks",
        _TASK,
        fields_table(TaskSettings),
        *(_model(each) for each in (ResourceSettings, DockerSettings, Schedule)),
    )


def _options(options: type) -> str:
    said = parsed(options.__doc__ or "").sections["Attributes"]
    hints = get_type_hints(options, localns=_NAMES)
    own = [name for name in hints if name not in TaskOptions.__annotations__]
    if own != list(said):
        raise LookupError(f"{options.__name__}: its docstring has {list(said)}, its options are {own}")
    return table(
        ("Option", "Type", "Meaning"),
        [(code(name), _type(hints[name]), plain(said[name])) for name in own],
    )


_NAMES = {each.__name__: each for each in (ResourceSettings, DockerSettings, Schedule)}


def _type(annotation: object) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{code(annotation.__name__)}](#{annotation.__name__.lower()})"
    return shown_type(annotation)


def _model(model: type[BaseModel]) -> str:
    return "\n\n".join(
        [f"## {model.__name__}", plain(parsed(model.__doc__ or "").prose), fields_table(model)]
    )
