"""Builds a stack from configuration, collecting everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import ValidationError

from airflow_provider_pipes.errors import ConfigurationError, FlavorError
from airflow_provider_pipes.stack.classpath import nearest
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig, without_former_fields
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor
from airflow_provider_pipes.stack.projectfile import ComponentTable, ProjectFile, ProjectSource, StackTable
from airflow_provider_pipes.stack.registry import FlavorRegistry
from airflow_provider_pipes.stack.stack import Stack
from airflow_provider_pipes.stack.validation import FieldPath, field_problems


@dataclass
class Assembly:
    """One attempt to build a stack."""

    file: ProjectFile
    source: ProjectSource
    registry: FlavorRegistry
    problems: list[str] = field(default_factory=list)
    flavor_errors: int = 0

    def stack(self, name: str, table: StackTable, orchestrator: tuple[str, ComponentTable] | None) -> Stack:
        """Build the stack.

        Args:
            name: The stack's name.
            table: The stack's table.
            orchestrator: An orchestrator to use instead of the table's.

        Raises:
            FlavorError: nothing but flavors is wrong.
            ConfigurationError: lists every problem.
        """
        kinds = StackComponentType
        if orchestrator is None:
            conductor = self._named(kinds.ORCHESTRATOR, table.orchestrator, name)
        else:
            conductor = self._component(kinds.ORCHESTRATOR, *orchestrator)
        store = self._named(kinds.ARTIFACT_STORE, table.artifact_store, name)
        operators = [self._named(kinds.STEP_OPERATOR, each, name) for each in table.step_operators]
        builder = self._optional(kinds.IMAGE_BUILDER, table.image_builder, name)
        registry = self._optional(kinds.CONTAINER_REGISTRY, table.container_registry, name)
        if self.problems or conductor is None or store is None:
            raise self._error(name)
        present = tuple(each for each in operators if each is not None)
        return Stack(name, conductor, store, present, builder, registry)

    def artifact_store(self, name: str, table: StackTable) -> StackComponent:
        """Build nothing but a stack's artifact store.

        Args:
            name: The stack's name.
            table: The stack's table.

        Raises:
            FlavorError: nothing but flavors is wrong.
            ConfigurationError: lists every problem.
        """
        store = self._named(StackComponentType.ARTIFACT_STORE, table.artifact_store, name)
        if store is None:
            raise self._error(name)
        return store

    def _error(self, name: str) -> ConfigurationError:
        only_flavors = self.flavor_errors == len(self.problems)
        error = self.source.error(self.problems)
        text = str(error).replace("is not valid:", f"does not give a stack {name!r}:", 1)
        return FlavorError(text) if only_flavors else ConfigurationError(text)

    def _optional(self, kind: StackComponentType, name: str | None, stack: str) -> StackComponent | None:
        return None if name is None else self._named(kind, name, stack)

    def _named(self, kind: StackComponentType, name: str, stack: str) -> StackComponent | None:
        table = self.file.components(kind).get(name)
        if table is not None:
            return self._component(kind, name, table)
        field_name = kind.plural if kind is StackComponentType.STEP_OPERATOR else kind.value
        self._problem(("stacks", stack, field_name), self._unknown(kind, name))
        return None

    def _unknown(self, kind: StackComponentType, name: str) -> str:
        known = sorted(self.file.components(kind))
        others = [each for each in StackComponentType if name in self.file.components(each)]
        if others:
            return (
                f"expected {kind.label}, but {name!r} is configured as {others[0].label}; "
                f"[{kind.plural}.…] has: {', '.join(known) or 'none'}"
            )
        return (
            f"there is no {kind.label} {name!r}{nearest(name, known)}; [{kind.plural}.…] has: "
            f"{', '.join(known) or 'none'}"
        )

    def _component(self, kind: StackComponentType, name: str, table: ComponentTable) -> StackComponent | None:
        place: FieldPath = (kind.plural, name)
        try:
            flavor = self.registry.load(kind, table.flavor)
        except FlavorError as error:
            self.flavor_errors += 1
            self._problem((*place, "flavor"), str(error))
            return None
        config = self._config(place, flavor, table)
        try:
            implementation = self.registry.implementation(flavor)
        except FlavorError as error:
            self.flavor_errors += 1
            self._problem((*place, "flavor"), str(error))
            return None
        return None if config is None else self._made(place, implementation, name, config, flavor)

    def _config(self, place: FieldPath, flavor: Flavor, table: ComponentTable) -> StackComponentConfig | None:
        config_class = flavor.config_class
        try:
            return config_class.model_validate(without_former_fields(flavor.type, config_class, table.values))
        except ValidationError as error:
            for path, sentence in field_problems(error, config_class):
                self._problem((*place, *path), sentence)
        except Exception as error:  # pydantic passes on what is no ValueError
            said = f"a validator of {config_class.__name__} raised {type(error).__name__}: {error}"
            self._problem(place, said)
        return None

    def _made(
        self,
        place: FieldPath,
        implementation: type[StackComponent],
        name: str,
        config: StackComponentConfig,
        flavor: Flavor,
    ) -> StackComponent | None:
        try:
            return implementation(name=name, config=config, flavor=flavor.name)
        except Exception as error:
            self._problem(place, f"{implementation.__name__}() raised {type(error).__name__}: {error}")
            return None

    def _problem(self, place: FieldPath, sentence: str) -> None:
        self.problems.append(self.source.describe(place, sentence))
