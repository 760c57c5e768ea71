"""The page of the command line, from the application itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer.main

from airflow_provider_pipes.cli.application import app
from docs.generate.docstrings import parsed
from docs.generate.markdown import code, fenced, page, plain, table

_INTRO = """
Every command has `--help` (`-h`). Words in brackets can be left out; what ends in `...` can be given more
than once. [Exit codes](errors.md#exit-codes) are the same for all commands. Where Airflow is installed,
`airflow pipes …` is the same as `pipes …`.
"""


def commands_page() -> str:
    """Return the page."""
    root = typer.main.get_command(app)
    return page(
        "Command line",
        "the application in `cli/application.py`",
        _INTRO,
        *(_section(path, command) for path, command in _walk(root, "pipes")),
    )


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            yield from _walk(inner, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    parameters = [each for each in command.params if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if _is_argument(each)]
    options = [each for each in parameters if not _is_argument(each)]
    marks = "##" if path.count(" ") < 2 else "###"
    parts = [f"{marks} {path}", fenced("text", _usage(path, command, arguments, options)), _help(command)]
    if arguments:
        parts.append(
            table(("Argument", "Meaning"), [(code(_metavar(each)), _meaning(each)) for each in arguments])
        )
    if options:
        rows = [(_names(each), _meaning(each)) for each in options]
        parts.append(table(("Option", "Meaning"), rows))
    parts.append(_commands(path, command))
    return "\n\n".join(part for part in parts if part)


def _commands(path: str, command: Any) -> str:
    """Return the table of what is in a group, and of what is in groups in it."""
    inner = list(_walk(command, path))[1:]
    shown = [each for each in inner if path != "pipes" or each[0].count(" ") == 1]
    rows = [
        (f"[{code(name)}](#{name.replace(' ', '-')})", plain(parsed(each.help or "").first))
        for name, each in shown
    ]
    return table(("Command", "What it does"), rows) if rows else ""


def _is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def _help(command: Any) -> str:
    return plain(parsed(command.help or "").prose)


def _usage(path: str, command: Any, arguments: list[Any], options: list[Any]) -> str:
    pieces = [path, *(["[OPTIONS]"] if options else [])]
    for each in arguments:
        name = _metavar(each).strip("[].") + ("..." if each.nargs != 1 else "")
        required = each.required and not _metavar(each).startswith("[")
        pieces.append(name if required else f"[{name}]")
    if hasattr(command, "commands"):
        pieces.append("COMMAND [ARGS]...")
    return " ".join(pieces)


def _metavar(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    if _is_argument(parameter):
        return str(parameter.name).upper()
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(each.value) for each in annotation)
    return {"str": "TEXT", "int": "N", "float": "NUMBER"}.get(getattr(annotation, "__name__", ""), "VALUE")


def _names(option: Any) -> str:
    names = "/".join([", ".join(option.opts), *option.secondary_opts])
    takes_value = not (option.is_flag or getattr(option, "count", False))
    return code(f"{names} {_metavar(option)}" if takes_value else names)


def _meaning(parameter: Any) -> str:
    notes = []
    if parameter.required and not _is_argument(parameter):
        notes.append("Required.")
    default = parameter.default
    if default not in (None, False, (), []) and not callable(default) and parameter.show_default:
        notes.append(f"Default: {code(str(getattr(default, 'value', default)))}.")
    if parameter.envvar:
        notes.append(f"Variable: {code(str(parameter.envvar))}.")
    return " ".join([plain(parameter.help or ""), *notes]).strip()
