"""``--param NAME=VALUE``: from text to a value of the parameter's type."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_pipes.compiler.parameter_values import admitted_types, in_words, is_of

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import ParameterSpec

_HINTS = {
    "True": "write true",
    "False": "write false",
    "None": "write null",
}


def given_parameters(
    texts: Iterable[str], specs: Sequence[ParameterSpec]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that ``--param`` options give, and what is wrong with the rest of them.

    ``run_parameters`` takes both, so that all problems are told at once.

    A parameter that is text and nothing else takes what is written, as it is. Any other is read
    as JSON; where text is allowed too, what is no fitting JSON is that text.
    """
    schemas = {spec.name: spec.json_schema for spec in specs}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for each in texts:
        name, equals, text = each.partition("=")
        if not equals or not name:
            problems[each] = f"--param {each!r}: expected NAME=VALUE"
        elif name in values or name in problems:
            problems[name] = f"parameter {name!r} is given more than once; give it once"
        else:
            try:
                values[name] = parse_value(text, schemas[name]) if name in schemas else text
            except ValueError as error:
                problems[name] = f"parameter {name!r}: {error}"
    return values, problems


def parse_value(text: str, schema: Mapping[str, Any]) -> Any:
    """Return the value that ``text`` means for a parameter of this schema.

    Raises:
        ValueError: it is no JSON, where only JSON can fit.
    """
    types = admitted_types(schema)
    if types == {"string"}:
        return text
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        if "string" in types:
            return text
        raise ValueError(
            f"expected {in_words(types)}, got {_short(text)}{_hint(text, types, error)}"
        ) from None
    if "string" in types and not is_of(value, types):
        return text
    return value


class _NoNumberError(ValueError):
    """What Python reads as a number, and JSON has not."""


def _refuse(constant: str) -> NoReturn:
    raise _NoNumberError(f"{constant} is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NoNumberError(f"{_short(text)} is too large for a number")
    return value


def _hint(text: str, types: Collection[str], error: Exception) -> str:
    if text.strip() in _HINTS:
        return f"; {_HINTS[text.strip()]}"
    if isinstance(error, RecursionError):
        return ": it is nested too deeply"
    if isinstance(error, _NoNumberError):
        return f": {error}"
    if not {"array", "object"} & set(types):
        return ""
    return "; write JSON, in quotes so that the shell leaves it as it is"


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:59]!r}…"
