"""The page of configuration: pipes.toml, flavors, variables, Airflow's section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_pipes.get_provider_info import get_provider_info
from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS
from airflow_provider_pipes.stack.projectfile import ProjectFile, StackTable
from airflow_provider_pipes.stack.registry import FlavorRegistry
from docs.generate.docstrings import docstring_of
from docs.generate.fields import fields_table, shown_type
from docs.generate.markdown import code, fenced, page, plain, table

_INTRO = """
Everything works without any configuration: pipelines run here, artifacts go to `.pipes/artifacts`, DAG files
to the dags folder. What a project says, it says in `pipes.toml`; a variable goes before the file, and an
option of the command line before both.
"""
_FILE = """
It lies in the project's folder. For a command with a TARGET it is the nearest one at or above the folder that
the target is imported from; for any other command, and for a pipeline that is installed as a package, it is
the nearest one at or above the working directory. A table or field that does not exist is an error.
"""

_TABLES = {
    "active_stack": "The stack that is used where `--stack` says nothing.",
    "stacks": "A stack: the components that pipelines are compiled for.",
    "orchestrators": "An orchestrator: `flavor`, and the fields of that flavor.",
    "artifact_stores": "An artifact store: `flavor`, and the fields of that flavor.",
    "step_operators": "A step operator: `flavor`, and the fields of that flavor.",
    "image_builders": "An image builder: `flavor`, and the fields of that flavor.",
    "container_registries": "A container registry: `flavor`, and the fields of that flavor.",
    "flavors": "Flavors of your own: a name for a class path, as `module:Class`, by kind.",
    "settings": "Defaults for the steps of all pipelines: see [Options and settings](settings.md).",
}
_SHAPES = {
    "active_stack": 'active_stack = "…"',
    "flavors": "[flavors.KIND]",
    "settings": "[settings.docker], [settings.resources], [settings.task]",
}
_STACK = {
    "orchestrator": "Name of an orchestrator.",
    "artifact_store": "Name of an artifact store.",
    "step_operators": 'Names of step operators, for `@step(step_operator="…")`.',
    "image_builder": "Name of an image builder.",
    "container_registry": "Name of a container registry.",
}
_TYPES = {"string": "text", "boolean": "true or false", "integer": "whole number", "float": "number"}
VARIABLES = {
    "PIPES_BUILD_ENVIRONMENT": "Set while an image is built, for its package index; not for you to set.",
    "PIPES_GPU_COUNT": (
        "Set in a container for a step that asks for GPUs: how many it must find before its code runs. "
        "`environment={'PIPES_GPU_COUNT': '0'}` turns that check off."
    ),
    "PIPES_LIFELINE": "Set for the child processes of a step, which end with the worker; not for you to set.",
    "PIPES_SECRET_VARIABLES": "Names of a step's secret variables, which it masks; not for you to set.",
    "PIPES_CACHE_DIR": (
        "Folder for unpacked code snapshots; by default `airflow-provider-pipes` in the user's cache folder."
    ),
    "PIPES_DEBUG": "`1` shows the traceback of a mistake in this package.",
    "PIPES_LOCAL_AIRFLOW": (
        "Set by `pipes up` for the processes that it starts, to find them again; not for you to set."
    ),
}


def configuration_page() -> str:
    """Return the page.

    Raises:
        LookupError: a table or a field is not documented.
    """
    return page(
        "Configuration",
        "`stack/projectfile.py`, the built-in flavors and `get_provider_info.py`",
        _INTRO,
        "## pipes.toml",
        _FILE,
        _tables(),
        "### Stacks",
        "The fields of a table `[stacks.NAME]`:",
        _stack_fields(),
        "## Flavors",
        "Each component has a `flavor`; these are built in, with the fields of their configurations.",
        *_flavors(),
        "## Variables",
        *_variables(),
        *_airflow_section(),
    )


def _documented(what: str, names: Any, said: dict[str, str]) -> None:
    if set(names) != set(said):
        raise LookupError(
            f"docs/generate/configuration.py and {what} differ: {sorted(set(names) ^ set(said))}"
        )


def _tables() -> str:
    _documented("ProjectFile", ProjectFile.model_fields, _TABLES)
    rows = [(code(_SHAPES.get(name, f"[{name}.NAME]")), text) for name, text in _TABLES.items()]
    return table(("Table", "What it says"), rows)


def _stack_fields() -> str:
    _documented("StackTable", StackTable.model_fields, _STACK)
    rows = []
    for name, field in StackTable.model_fields.items():
        required = "required" if field.is_required() else "none"
        rows.append((code(name), shown_type(field.annotation), required, _STACK[name]))
    return table(("Field", "Type", "Default", "Meaning"), rows)


def _flavors() -> Iterator[str]:
    registry = FlavorRegistry()
    for kind, flavors in BUILT_IN_FLAVORS.items():
        if flavors:
            plural = kind.plural.replace("_", " ")
            yield f"### {plural.capitalize()}"
            yield f"Tables `[{kind.plural}.NAME]` in pipes.toml."
        for name in flavors:
            flavor = registry.load(kind, name)
            yield f"#### {kind.label} {code(name)}"
            yield plain(docstring_of(flavor.config_class).prose)
            if flavor.install_hint:
                yield f"Install {code(flavor.install_hint)} to use it."
            yield fields_table(flavor.config_class)


def _variables() -> Iterator[str]:
    yield "Any value of pipes.toml can be given by a variable, which then goes before the file:"
    yield fenced(
        "bash",
        "export PIPES_ACTIVE_STACK=team\n"
        "export PIPES_ORCHESTRATORS__AIRFLOW__DAGS_FOLDER=dags\n"
        "export PIPES_ARTIFACT_STORES__DATA__URI=s3://bucket/other",
    )
    yield (
        "Lists and tables are JSON. `PIPES_` is written in capitals; the names behind it know neither case "
        "nor dashes. A variable that is like none of the tables is left to other programs, and `pipes "
        "doctor` lists it; one that looks like a slip in a name is an error. These mean something else:"
    )
    yield table(("Variable", "Meaning"), [(code(name), text) for name, text in sorted(VARIABLES.items())])


def _airflow_section() -> Iterator[str]:
    for section, described in sorted(get_provider_info().get("config", {}).items()):
        yield f"## Airflow's section [{section}]"
        yield plain(described.get("description") or "")
        yield (
            f"In `airflow.cfg` under `[{section}]`, or as the variable `AIRFLOW__{section.upper()}__OPTION`. "
            "Read by Airflow's own processes, workers among them."
        )
        rows = [
            (
                code(name),
                _TYPES.get(option["type"], option["type"]),
                _shown(option.get("default")),
                plain(" ".join(option["description"].split())),
            )
            for name, option in sorted(described["options"].items())
        ]
        yield table(("Option", "Type", "Default", "Meaning"), rows)


def _shown(default: object) -> str:
    return "none" if default in (None, "") else code(str(default))
