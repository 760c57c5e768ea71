"""Which materializer stands for a value or a name; each is imported when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import (
    Materializer,
    class_path,
    load_class,
    type_name,
)
from airflow_provider_pipes.errors import ArtifactError

_HERE = __name__.rpartition(".")[0]

_BUILT_IN = {
    "json": f"{_HERE}.plain:JsonMaterializer",
    "text": f"{_HERE}.plain:TextMaterializer",
    "bytes": f"{_HERE}.plain:BytesMaterializer",
    "path": f"{_HERE}.files:PathMaterializer",
    "dataclass": f"{_HERE}.dataclass_values:DataclassMaterializer",
    "pydantic": f"{_HERE}.pydantic_models:PydanticMaterializer",
    "numpy": f"{_HERE}.numpy_arrays:NumpyMaterializer",
    "pandas": f"{_HERE}.pandas_frames:PandasMaterializer",
    "polars": f"{_HERE}.polars_frames:PolarsMaterializer",
    "pyarrow": f"{_HERE}.arrow_tables:ArrowMaterializer",
    "cloudpickle": f"{_HERE}.pickled:CloudpickleMaterializer",
}

_BY_TYPE: dict[type, tuple[str, ...]] = {
    type(None): ("json",),
    bool: ("json",),
    int: ("json",),
    float: ("json",),
    str: ("text",),
    bytes: ("bytes",),
    list: ("json", "dataclass"),
    dict: ("json", "dataclass"),
    tuple: ("dataclass",),
}

# A value of such a type can only exist if its package is imported already.
_BY_PACKAGE = frozenset({"pydantic", "numpy", "pandas", "polars", "pyarrow"})


def materializer_for(value: Any, custom: Iterable[type[Materializer]] = ()) -> Materializer:
    """Return the materializer that stores ``value`` exactly; cloudpickle where no other does.

    Args:
        value: What a step returned.
        custom: Materializers of the user's own, asked first and in order.
    """
    for kind in custom:
        candidate = _instance(kind)
        if _takes(candidate, value):
            return candidate
    for name in _candidates(value):
        candidate = materializer_named(name)
        if candidate.can_save(value):
            return candidate
    return materializer_named("cloudpickle")


def _takes(custom: Materializer, value: Any) -> bool:
    try:
        return bool(custom.can_save(value))
    except Exception as error:
        raise ArtifactError(
            f"can_save of the materializer {type_name(type(custom))} raised {type(error).__name__}: {error}; "
            "it must say yes or no to a value of any type"
        ) from error


def _candidates(value: Any) -> Iterator[str]:
    kind = type(value)
    if kind in _BY_TYPE:
        yield from _BY_TYPE[kind]
        return
    if isinstance(value, Path):
        yield "path"
    if hasattr(kind, "__dataclass_fields__"):
        yield "dataclass"
    packages = [base.__module__.partition(".")[0] for base in kind.__mro__]
    yield from (package for package in dict.fromkeys(packages) if package in _BY_PACKAGE)


def materializer_named(name: str) -> Materializer:
    """Return the materializer that a reference names.

    Args:
        name: One of the built-in names, or "package.module:Class" for a user's own.

    Raises:
        ArtifactError: there is none of this name.
    """
    path = _BUILT_IN.get(name, name)
    if ":" not in path:
        raise ArtifactError(
            f"unknown materializer {name!r}; known: {', '.join(sorted(_BUILT_IN))}, "
            "or 'package.module:Class' for one of your own"
        )
    return _instance(load_class(path))


def materializer_key(materializer: Materializer) -> str:
    """Return the name by which ``materializer_named`` finds it again, in any process.

    Raises:
        ArtifactError: it is the user's own and can't be imported.
    """
    kind = type(materializer)
    if _BUILT_IN.get(getattr(kind, "name", "")) == f"{kind.__module__}:{kind.__qualname__}":
        return kind.name
    path = class_path(kind)
    if path is None:
        raise ArtifactError(
            f"the materializer {type_name(kind)} can't be imported where the artifact is read: "
            "define it at the top of a module of the project"
        )
    return path


def materializer_versions() -> dict[str, int]:
    """Return the versions of the built-in materializers, which cache keys cover."""
    return {name: materializer_named(name).version for name in _BUILT_IN}


def _checked(kind: type) -> type[Materializer]:
    if not issubclass(kind, Materializer):
        raise ArtifactError(
            f"{type_name(kind)} is no materializer: derive it from airflow_provider_pipes' Materializer"
        )
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing or not isinstance(getattr(kind, "name", None), str):
        raise ArtifactError(
            f"the materializer {type_name(kind)} is incomplete: define {', '.join(missing or ['name'])}"
        )
    return kind


def _instance(kind: type) -> Materializer:
    try:
        return _checked(kind)()
    except TypeError as error:
        raise ArtifactError(
            f"the materializer {type_name(kind)} can't be made without arguments: {error}"
        ) from error
