"""The page of the Python names that a user imports."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from importlib.util import find_spec

from pydantic import BaseModel

from docs.generate.docstrings import Docstring, docstring_of
from docs.generate.markdown import code, fenced, page, plain, table

_PACKAGE = "airflow_provider_pipes"
_INTRO = f"""
What is here is meant to be imported, by these paths. Everything else in `{_PACKAGE}` may change without
notice.
"""

# Where a user imports from, what for, and the names where the module has more than those.
_MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("Writing pipelines.", ()),
    "orchestrators": ("Writing an orchestrator.", ()),
    "step_operators": ("Writing a step operator.", ()),
    "entrypoints": ("Writing an entrypoint.", ()),
    "stack": ("Flavors, components and stacks.", ()),
    "artifacts.component": (
        "Writing an artifact store.",
        ("BaseArtifactStore", "BaseArtifactStoreConfig", "BaseArtifactStoreFlavor"),
    ),
    "artifacts.storage": ("What an artifact store opens.", ("Storage",)),
    "artifacts.materializers.base": ("Storing values of your own types.", ("Materializer",)),
    "models.deployment": (
        "The compiled pipeline.",
        ("PipelineDeployment", "StepSpec", "StepRunInfo"),
    ),
    "testing": ("Testing pipelines and components.", ()),
}


def api_page() -> str:
    """Return the page."""
    return page("Python names", "the package's docstrings", _INTRO, *_modules())


def _modules() -> Iterator[str]:
    for name, (purpose, chosen) in _MODULES.items():
        path = f"{_PACKAGE}.{name}".rstrip(".")
        if find_spec(path) is None:
            continue
        module = import_module(path)
        names = chosen or tuple(sorted(getattr(module, "__all__", ()), key=str.lower))
        found = {each: getattr(module, each) for each in names}
        entries = [_entry(each, what) for each, what in found.items() if callable(what)]
        if entries:
            yield f"## {path}"
            yield purpose
            yield from entries


def _entry(name: str, found: object) -> str:
    said = docstring_of(found)
    parts = [f"### {name}", fenced("python", _signature(name, found)), plain(said.prose), _sections(said)]
    if isinstance(found, type) and issubclass(found, Enum):
        values = [(code(each.name), code(repr(each.value))) for each in found]
        parts.append(table(("Member", "Value"), values))
    elif isinstance(found, type):
        parts.append(_members(found))
    return "\n\n".join(part for part in parts if part)


def _sections(said: Docstring) -> str:
    titles = {"Args": "Argument", "Attributes": "Attribute", "Raises": "Raises"}
    return "\n\n".join(
        table(
            (title, "Meaning"), [(code(name), plain(text)) for name, text in said.sections[section].items()]
        )
        for section, title in titles.items()
        if section in said.sections
    )


def _signature(name: str, found: object) -> str:
    if isinstance(found, type):
        bases = [
            base.__name__ for base in found.__bases__ if base.__name__ not in ("object", "ABC", "Generic")
        ]
        inherits = f"({', '.join(bases)})" if bases else ""
        if (
            issubclass(found, BaseModel | BaseException | Enum)
            or inspect.isabstract(found)
            or not _own_init(found)
        ):
            return f"class {name}{inherits}"
        return f"class {name}{_parameters(found)}"
    return f"def {name}{_parameters(found)}"


def _own_init(found: type) -> bool:
    return found.__init__ is not object.__init__  # type: ignore[misc]


def _parameters(found: object) -> str:
    try:
        signature = inspect.signature(found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(…)"
    kept = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    text = str(signature.replace(parameters=kept))
    # Annotations are text in these modules, which str() puts into quotes; addresses differ from run to run.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).replace('"', "'")
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>|<factory>", "…", text)


def _members(found: type) -> str:
    lines = []
    for name, member in vars(found).items():
        inner = getattr(member, "__func__", member)  # of a classmethod or staticmethod
        said = docstring_of(inner).first
        if name.startswith("_") or not said:
            continue
        if isinstance(member, property | functools.cached_property):
            lines.append(f"* {code(name)}: {plain(said)}")
        elif inspect.isfunction(inner):
            lines.append(f"* {code(name + _parameters(inner))}: {plain(said)}")
    return "\n".join(lines)
