"""All flavors that there are, by kind and name, imported on first use."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_pipes.errors import ConfigurationError, FlavorError
from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS
from airflow_provider_pipes.stack.classpath import import_class, importable_from, missing_import, nearest
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import FLAVOR_KEY, StackComponentConfig, field_names
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "airflow_provider_pipes.flavors"

_BASES = {
    StackComponentType.ORCHESTRATOR: "airflow_provider_pipes.orchestrators.BaseOrchestrator",
    StackComponentType.ARTIFACT_STORE: "airflow_provider_pipes.artifacts.component.BaseArtifactStore",
    StackComponentType.STEP_OPERATOR: "airflow_provider_pipes.step_operators.BaseStepOperator",
    StackComponentType.IMAGE_BUILDER: "airflow_provider_pipes.images.BaseImageBuilder",
    StackComponentType.CONTAINER_REGISTRY: "airflow_provider_pipes.images.BaseContainerRegistry",
}
_ANY_BASE = "airflow_provider_pipes.stack.StackComponent"


@dataclass(frozen=True)
class FlavorRef:
    """Where a flavor class is.

    Attributes:
        source: Class path, as "module:Class".
        hint: What to ``pip install`` where it can't be imported.
        origin: Who says so, for messages.
    """

    source: str
    hint: str | None = None
    origin: str = "registered"

    def __str__(self) -> str:
        return f"{self.source} ({self.origin})"


class FlavorRegistry:
    """The one door by which built-in, installed and configured flavors come in.

    A built-in flavor goes before an installed package's of the same name, so that a stack of
    built-in flavors means the same wherever it is read, and needs no look at what is installed.

    Args:
        folders: Where class paths may lie that are not importable otherwise: the project.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._refs: dict[tuple[StackComponentType, str], list[FlavorRef]] = {}
        self._loaded: dict[tuple[StackComponentType, str], Flavor] = {}
        self._hidden: dict[tuple[StackComponentType, str], list[FlavorRef]] = {}
        self._discovered = False
        for kind, flavors in BUILT_IN_FLAVORS.items():
            for name, (source, hint) in flavors.items():
                self.register(kind, name, FlavorRef(source, hint, "built in"))

    def register(self, kind: StackComponentType, name: str, ref: FlavorRef) -> None:
        """Add a flavor; a name with two sources is an error once it is used."""
        refs = self._refs.setdefault((kind, name), [])
        if all(ref.source != other.source for other in refs):
            refs.append(ref)
            self._loaded.pop((kind, name), None)

    def names(self, kind: StackComponentType) -> list[str]:
        """Return the names of all flavors of a kind, installed ones too."""
        self._discover()
        return sorted(name for each, name in self._refs if each is kind)

    def sources(self, kind: StackComponentType, name: str) -> tuple[FlavorRef, ...]:
        """Return who offers a flavor; more than one is a conflict."""
        self._discover()
        return tuple(self._refs.get((kind, name), ()))

    def hidden(self, kind: StackComponentType, name: str | None = None) -> list[str]:
        """Return a sentence for each installed flavor that a built-in one of the same name goes before.

        Args:
            kind: The kind of component.
            name: The flavor's name; all of the kind where nothing is given.
        """
        self._discover()
        return [
            f"the built-in {kind.label} flavor {each!r} goes before that of {ref.origin}; to use that one, "
            f"give its class path as flavor: {ref.source}"
            for (of, each), refs in sorted(self._hidden.items())
            if of is kind and name in (None, each)
            for ref in refs
        ]

    def load(self, kind: StackComponentType, flavor: str) -> Flavor:
        """Return the flavor that a registered name or a class path names.

        Raises:
            FlavorError: it is unknown, broken, of another kind or has two sources.
        """
        if (kind, flavor) not in self._loaded:
            ref = self._find(kind, flavor)
            self._loaded[kind, flavor] = self._instance(kind, flavor, ref)
        return self._loaded[kind, flavor]

    def implementation(self, flavor: Flavor) -> type[StackComponent]:
        """Return the flavor's implementation class.

        Raises:
            FlavorError: it can't be imported, or is no component of the flavor's kind.
        """
        with importable_from(self._folders):
            found = _value(flavor, "implementation_class")
        label = flavor.type.label
        if not (isinstance(found, type) and issubclass(found, StackComponent)):
            raise FlavorError(
                f"{_named(flavor)}: implementation_class must be a class derived from {_base(flavor)}, got "
                f"{found!r}"
            )
        if getattr(found, "type", None) is not flavor.type:
            raise FlavorError(
                f"{_named(flavor)}: implementation_class {found.__name__} is no {label}; derive it from "
                f"{_base(flavor)}"
            )
        if inspect.isabstract(found):
            missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
            raise FlavorError(f"{_named(flavor)}: {found.__name__} does not implement: {missing}")
        return found

    def _find(self, kind: StackComponentType, flavor: str) -> FlavorRef:
        # Looking for installed flavors reads the metadata of every package (10 ms beside Airflow),
        # so that a stack of built-in flavors does without.
        if flavor not in BUILT_IN_FLAVORS[kind] and ":" not in flavor:
            self._discover()
        refs = self._refs.get((kind, flavor), [])
        if len(refs) > 1:
            raise FlavorError(
                f"two sources for {kind.label} flavor {flavor!r}: {' and '.join(map(str, refs))}; "
                "rename or remove one, or give the class path as flavor"
            )
        if refs:
            return refs[0]
        if ":" in flavor or "." in flavor:
            return FlavorRef(flavor, None, "a class path")
        raise FlavorError(self._unknown(kind, flavor))

    def _unknown(self, kind: StackComponentType, flavor: str) -> str:
        known = self.names(kind)
        message = f"unknown {kind.label} flavor {flavor!r}{nearest(flavor, known)}"
        elsewhere = [each.plural.replace("_", " ") for each, name in self._refs if name == flavor]
        if elsewhere:
            message += f"; it is a flavor of {' and '.join(elsewhere)}"
        return f"{message}; known: {', '.join(known) or 'none'}, or a class path as 'package.module:Class'"

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        from importlib.metadata import entry_points

        kinds = {kind.value: kind for kind in StackComponentType}
        for point in entry_points(group=ENTRY_POINT_GROUP):
            package = f"package {point.dist.name}" if point.dist else "an installed package"
            kind, _, name = point.name.partition(".")
            if kind not in kinds or not name:
                logger.warning(
                    "skipping flavor entry point %r of %s: name it '<kind>.<flavor>', with a kind of: %s",
                    point.name,
                    package,
                    ", ".join(kinds),
                )
                continue
            self._offer(kinds[kind], name, FlavorRef(point.value, None, package))

    def _offer(self, kind: StackComponentType, name: str, ref: FlavorRef) -> None:
        built_in = BUILT_IN_FLAVORS[kind].get(name)
        if built_in is None:
            self.register(kind, name, ref)
        elif ref.source != built_in[0]:
            self._hidden.setdefault((kind, name), []).append(ref)

    def _instance(self, kind: StackComponentType, name: str, ref: FlavorRef) -> Flavor:
        what = (
            f"{kind.label} flavor {name!r}" if name == ref.source else f"{kind.label} flavor {name!r}, {ref}"
        )
        try:
            with importable_from(self._folders):
                cls = import_class(ref.source)
        except ConfigurationError as error:
            install = f"; pip install '{ref.hint}'" if ref.hint else ""
            raise FlavorError(f"{what}: {error}{install}") from error
        if not issubclass(cls, Flavor):
            raise FlavorError(f"{what}: {cls.__name__} is no Flavor; give the class derived from Flavor")
        if inspect.isabstract(cls):
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise FlavorError(f"{what}: {cls.__name__} does not say its {missing}")
        with importable_from(self._folders):
            flavor = _made(cls, what)
            _check_contract(flavor, kind, None if name == ref.source else name, what)
        return flavor


def _made(cls: type[Flavor], what: str) -> Flavor:
    try:
        return cls()
    except Exception as error:
        raise FlavorError(f"{what}: {cls.__name__}() raised {type(error).__name__}: {error}") from error


def _check_contract(flavor: Flavor, kind: StackComponentType, name: str | None, what: str) -> None:
    found_kind = _value(flavor, "type")
    if found_kind is not kind:
        label = found_kind.label if isinstance(found_kind, StackComponentType) else repr(found_kind)
        raise FlavorError(f"{what}: expected a flavor of kind {kind.label!r}, got one of kind {label!r}")
    found_name = _value(flavor, "name")
    if not (isinstance(found_name, str) and found_name):
        raise FlavorError(f"{what}: its name must be text, got {found_name!r}")
    if name is not None and found_name != name:
        raise FlavorError(f"{what}: the class says its name is {found_name!r}; register it as {found_name!r}")
    config_class = _value(flavor, "config_class")
    if not (isinstance(config_class, type) and issubclass(config_class, StackComponentConfig)):
        raise FlavorError(f"{what}: config_class must be a StackComponentConfig, got {config_class!r}")
    if FLAVOR_KEY in field_names(config_class):
        raise FlavorError(
            f"{what}: {config_class.__name__} has a field {FLAVOR_KEY!r}, which in pipes.toml says the "
            "flavor of the component; give the field another name"
        )


def _value(flavor: Flavor, attribute: str) -> Any:
    try:
        return getattr(flavor, attribute)
    except ImportError as error:
        hint = flavor.install_hint
        raise FlavorError(
            f"{type(flavor).__name__}.{attribute} can't be imported: {missing_import(error)}; "
            + (f"pip install '{hint}'" if hint else "install the package that has it")
        ) from error
    except Exception as error:
        raise FlavorError(
            f"{type(flavor).__name__}.{attribute} raised {type(error).__name__}: {error}"
        ) from error


def _base(flavor: Flavor) -> str:
    return _BASES.get(flavor.type, _ANY_BASE)


def _named(flavor: Flavor) -> str:
    return f"{flavor.type.label} flavor {flavor.name!r}"
