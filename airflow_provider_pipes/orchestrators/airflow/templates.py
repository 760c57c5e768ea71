"""The Jinja templates of a DAG file: ours, and those that a user puts in their place."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from airflow_provider_pipes.errors import ConfigurationError, PipesError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.orchestrators.airflow.literal import Call, assignment, keyword, literal
from airflow_provider_pipes.orchestrators.airflow.template_lines import origin_of_line

FILE_TEMPLATE = "dag.py.jinja"
OURS = "pipes"
"""Before a template's name and a slash: ours, also where a user has one of that name."""

_ADVICE = "correct the template, or remove it to use ours"
_PACKAGE = Path(__file__).parents[2]


def render_template(context: Mapping[str, Any], templates_dir: Path | None = None) -> str:
    """Return the text of the DAG file's template.

    Args:
        context: The names that the templates may use.
        templates_dir: A user's templates; each one takes the place of ours of the same name.

    Raises:
        ConfigurationError: one of the user's templates fails, or what they give is not Python or
            leaves out what the tasks need.
    """
    if templates_dir is None:
        return _environment().get_template(FILE_TEMPLATE).render(context)
    _check_folder(templates_dir)
    try:
        text = _environment(str(templates_dir)).get_template(FILE_TEMPLATE).render(context)
    except Exception as error:
        place = _place(error, templates_dir)
        if place is None:
            raise
        said = str(error) if isinstance(error, PipesError) else f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"{place}: {said}; {_ADVICE}") from None
    _check_text(text, context, templates_dir)
    return text


def packaged_templates() -> Path:
    """Return the folder of our templates: inside the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "dags_templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "dags_templates"


@cache
def _environment(templates_dir: str | None = None) -> jinja2.Environment:
    return _new_environment(templates_dir)


def _new_environment(templates_dir: str | None) -> jinja2.Environment:
    ours = jinja2.FileSystemLoader(str(packaged_templates()))
    theirs = [jinja2.FileSystemLoader(templates_dir)] if templates_dir else []
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([*theirs, ours, jinja2.PrefixLoader({OURS: ours})]),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Python, not HTML; what escapes values is literal().
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"assignment": assignment, "call": _call, "keyword": keyword, "literal": literal}
    environment.filters["literal"] = literal
    return environment


def _call(function: str, arguments: Mapping[str, Any]) -> Call:
    return Call(function, [], arguments)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is missing, and a template whose name is nearly that of one of ours.

    Nobody would notice that such a template is not used.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"dags_templates_dir {folder} is no folder: make it, or unset it")
    ours = sorted(each.name for each in packaged_templates().glob("*.jinja"))
    files = [each for each in sorted(folder.iterdir()) if each.is_file() and each.name not in ours]
    for file in files:
        nearest = get_close_matches(file.name, ours, 1, 0.85)
        if nearest and not any(file.name in each.read_text(errors="replace") for each in folder.iterdir()):
            raise ConfigurationError(
                f"{file} is not used: did you mean {nearest[0]!r}? Our templates are {', '.join(ours)}"
            )


def _place(error: Exception, templates_dir: Path) -> str | None:
    """Return the line of a user's template that an error comes from; None where it comes from none."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"template {error.name!r}, not found in {templates_dir} or among ours"
    # Jinja gives the frames of a template its file and line.
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_template(each, templates_dir)]
    if frames:
        return f"{frames[-1].filename}:{frames[-1].lineno}"
    return None if isinstance(error, PipesError) else str(templates_dir)


def _is_template(frame: traceback.FrameSummary, templates_dir: Path) -> bool:
    return Path(frame.filename).is_relative_to(templates_dir)


def _check_text(text: str, context: Mapping[str, Any], templates_dir: Path) -> None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        place = origin_of_line(_new_environment(str(templates_dir)), FILE_TEMPLATE, context, line)
        shown = "".join(text.split("\n")[line - 1 : line]).strip()
        raise ConfigurationError(
            f"{place or templates_dir}: this gives a line that is not Python: {shown!r} "
            f"({getattr(error, 'msg', error)}); write values with literal(…)"
        ) from None
    _check_complete(tree, context["deployment"], templates_dir)


def _check_complete(tree: ast.Module, deployment: PipelineDeployment, templates_dir: Path) -> None:
    """Refuse a file that Airflow would load and whose tasks would not be the pipeline's."""
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    where = f"the templates in {templates_dir} give a DAG file without"
    if deployment.step_specs and deployment.id not in said:
        raise ConfigurationError(
            f"{where} the deployment's id, so its tasks could not find their code: give the DAG its "
            "`arguments`, of which default_args hold the id, or each operator a deployment_id"
        )
    missing = [step.name for step in deployment.step_specs if step.name not in said]
    if missing:
        raise ConfigurationError(
            f"{where} the steps {', '.join(map(repr, missing))}: write each of `tasks` once, with its "
            "task.arguments"
        )
