"""The Jinja templates of a DAG file: ours, and those that a user puts in their place."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from airflow_provider_pipes.errors import ConfigurationError, PipesError
from airflow_provider_pipes.orchestrators.airflow.literal import Call, assignment, keyword, literal

FILE_TEMPLATE = "dag.py.jinja"

_PACKAGE = Path(__file__).parents[2]


def render_template(context: Mapping[str, Any], templates_dir: Path | None = None) -> str:
    """Return the text of the DAG file's template.

    Args:
        context: The names that the templates may use.
        templates_dir: A user's templates; each one takes the place of ours of the same name.

    Raises:
        ConfigurationError: one of the user's templates fails, or gives something that is not Python.
    """
    if templates_dir is None:
        return _environment().get_template(FILE_TEMPLATE).render(context)
    if not templates_dir.is_dir():
        raise ConfigurationError(f"dags_templates_dir {templates_dir} is no folder: make it, or unset it")
    try:
        text = _environment(str(templates_dir)).get_template(FILE_TEMPLATE).render(context)
    except PipesError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{_place(error, templates_dir)}: {type(error).__name__}: {error}; correct the template, or "
            "remove it to use ours"
        ) from None
    _check_python(text, templates_dir)
    return text


@cache
def _environment(templates_dir: str | None = None) -> jinja2.Environment:
    folders = [*([templates_dir] if templates_dir else []), str(packaged_templates())]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Python, not HTML; what escapes values is literal().
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"assignment": assignment, "call": _call, "keyword": keyword, "literal": literal}
    environment.filters["literal"] = literal
    return environment


def packaged_templates() -> Path:
    """Return the folder of our templates: inside the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "dags_templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "dags_templates"


def _call(function: str, arguments: Mapping[str, Any]) -> Call:
    return Call(function, [], arguments)


def _place(error: Exception, templates_dir: Path) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"template {error.name!r}, not found in {templates_dir} or among ours"
    # Jinja gives the frames of a template its file and line.
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename.endswith(".jinja")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(templates_dir)


def _check_python(text: str, templates_dir: Path) -> None:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        shown = "".join(text.splitlines()[line - 1 : line]).strip()
        raise ConfigurationError(
            f"the templates in {templates_dir} give a DAG file that is not Python: {error}: {shown!r}; "
            "write values with literal(…)"
        ) from None
