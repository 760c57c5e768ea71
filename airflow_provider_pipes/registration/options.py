"""``--field value`` on a command line: from text to what a flavor's configuration takes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from airflow_provider_pipes.stack.classpath import nearest
from airflow_provider_pipes.stack.config import field_names

Given = dict[str, list[str | None]]
"""What is given for each field, in order; None for an option without a value."""


def given_options(words: Sequence[str]) -> tuple[Given, list[str]]:
    """Return what ``--field value`` and ``--field=value`` words give, and what is no such option."""
    given: Given = {}
    problems: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) == 2:
            problems.append(f"{word!r} is no option; write the fields of the configuration as --field value")
            continue
        name, equals, text = word[2:].partition("=")
        value: str | None = text if equals else None
        if not equals and rest and not rest[0].startswith("--"):
            value = rest.pop(0)
        given.setdefault(name.replace("-", "_"), []).append(value)
    return given, problems


def typed_values(
    given: Given, config_class: type[BaseModel], former: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Return the values that options give to the fields of a configuration, and what keeps some from it.

    Whether a value is right is for the configuration to say: what fits no type stays the text it is.

    Args:
        given: What the options say.
        config_class: The configuration.
        former: Fields of former times, which are taken too.
    """
    fields = field_names(config_class)
    written = {name.replace("-", "_"): name for name in fields}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for option, texts in given.items():
        name = written.get(option)
        if name is None and option.startswith("no_") and _is_flag(fields.get(written.get(option[3:], ""))):
            values[written[option[3:]]] = False
        elif name is None and not (option in former or config_class.model_config.get("extra") == "allow"):
            problems.append(unknown_option(option, list(written)))
        elif any(text is None for text in texts) and not _is_flag(fields.get(name or option)):
            problems.append(f"{shown(option)}: give it a value: {shown(option)} VALUE")
        else:
            values[name or option] = _value(texts, fields.get(name or option))
    return values, problems


def shown(field: str) -> str:
    """Return a field as an option."""
    return f"--{field.replace('_', '-')}"


def unknown_option(option: str, known: Sequence[str], given: str = "") -> str:
    """Return what is wrong with an option that is no field, ``given`` in other words than its own."""
    hint = nearest(option, known).replace("_", "-").replace("'", "'--", 1)
    listed = ", ".join(map(shown, known))
    return f"{given or shown(option)}: there is no such field{hint}; known: {listed or 'none'}"


def _is_flag(info: FieldInfo | None) -> bool:
    return info is not None and _fits(_adapter(info), True) and not _fits(_adapter(info), "text")


def _adapter(info: FieldInfo) -> TypeAdapter[Any] | None:
    try:
        annotated: Any = info.annotation
        for each in info.metadata:
            annotated = Annotated[annotated, each]
        return TypeAdapter(annotated, config={"arbitrary_types_allowed": True})
    except Exception:
        # A type that only its own model understands, as one with forward references to the model's module.
        return None


def _value(texts: Sequence[str | None], info: FieldInfo | None) -> Any:
    adapter = None if info is None else _adapter(info)
    fallback = texts[0] if len(texts) == 1 else list(texts)
    if len(texts) == 1 and texts[0] is None:
        return True
    present = [text for text in texts if text is not None]
    for candidate in _candidates(present):
        if adapter is not None and _fits(adapter, candidate):
            return candidate
    return _loosely(fallback, adapter)


def _candidates(texts: list[str]) -> Iterator[Any]:
    """Yield what texts may mean, the plainest meaning first."""
    if len(texts) == 1:
        yield texts[0]
        yield from _parsed(texts[0])
    yield texts
    yield [next(_parsed(text), text) for text in texts]


def _parsed(text: str) -> Iterator[Any]:
    """Yield what a text says as JSON and as TOML; null, which TOML does not have, is nothing."""
    try:
        value = json.loads(text)
        if _has_no_null(value):
            yield value
    except (ValueError, RecursionError):
        pass
    try:
        values = tomllib.loads(f"x = {text}")
        if set(values) == {"x"}:
            yield values["x"]
    except (ValueError, RecursionError):
        pass


def _has_no_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_has_no_null, value.values()))
    if isinstance(value, list):
        return all(map(_has_no_null, value))
    return value is not None


def _fits(adapter: TypeAdapter[Any] | None, value: Any) -> bool:
    """Return whether a value is of a field's type, as far as JSON or TOML can be: no text for a number."""
    if adapter is None:
        return False
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except Exception:
        # Whatever a user's own validator raises: the configuration as a whole says it in words.
        return _is_moment(adapter, value)
    return True


def _is_moment(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except Exception:
        return False
    return not isinstance(value, str)


def _loosely(value: Any, adapter: TypeAdapter[Any] | None) -> Any:
    """Return what pydantic makes of a text as "yes" or "1e3", or the list or table that it looks like."""
    if not isinstance(value, str):
        return value
    try:
        made = None if adapter is None else adapter.validate_python(value)
    except Exception:
        made = None
    if isinstance(made, bool | int | float):
        return made
    return next(_parsed(value), value) if value[:1] in ("[", "{") else value
