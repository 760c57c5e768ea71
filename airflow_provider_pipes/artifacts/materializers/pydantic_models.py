"""Pydantic models as the JSON that they make of themselves."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import (
    Materializer,
    class_path,
    load_class,
    type_name,
)
from airflow_provider_pipes.artifacts.materializers.plain import dump_json, load_json
from airflow_provider_pipes.errors import ArtifactError

_MODEL = "model.json"
_CLASS = "class.json"


class PydanticMaterializer(Materializer):
    """A model whose JSON validates to an equal model; others are left to cloudpickle.

    That is tried out on every value, since validators and serializers are code that may do anything.
    """

    name = "pydantic"

    def can_save(self, value: Any) -> bool:
        """Say whether the model comes back the same, down to the types in it and the fields set."""
        from pydantic import BaseModel

        if not isinstance(value, BaseModel) or class_path(type(value)) is None:
            return False
        try:
            return _same(value, type(value).model_validate_json(_dump(value)))
        except Exception:  # whatever the user's validators raise: this model's JSON is not exact
            return False

    def save(self, value: Any, directory: Path) -> None:
        """Write the model's JSON, and its class beside it."""
        (directory / _MODEL).write_bytes(_dump(value))
        (directory / _CLASS).write_bytes(dump_json(class_path(type(value))))

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the model, importing its class."""
        from pydantic import BaseModel

        kind = load_class(load_json((directory / _CLASS).read_bytes()))
        if not issubclass(kind, BaseModel):
            raise ArtifactError(f"{type_name(kind)} was a pydantic model when the artifact was stored")
        return kind.model_validate_json((directory / _MODEL).read_bytes())


def _dump(model: Any) -> bytes:
    # Without what was not set, or every field would come back as one that the user set.
    text: str = model.model_dump_json(exclude_unset=True, round_trip=True, by_alias=True, warnings=False)
    return text.encode()


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if hasattr(type(one), "__pydantic_fields_set__"):
        return all(
            _same(getattr(one, part), getattr(other, part))
            for part in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
        )
    if isinstance(one, dict):
        return _same(list(one), list(other)) and _same(list(one.values()), list(other.values()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float):
        return bool(one.hex() == other.hex())
    if isinstance(one, datetime.datetime | datetime.time):
        # Equal instants may lie in different zones, of which JSON keeps the offset alone.
        return one == other and one.fold == other.fold and _has_fixed_offset(one.tzinfo)
    return bool(one == other)


def _has_fixed_offset(zone: datetime.tzinfo | None) -> bool:
    return zone is None or zone.utcoffset(None) is not None
