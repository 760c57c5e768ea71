"""What every flavor promises, whatever kind of component it is of; the base of the contract suites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.models.deployment import ComponentSpec
from airflow_provider_pipes.stack.classpath import class_path
from airflow_provider_pipes.stack.component import StackComponent
from airflow_provider_pipes.stack.config import StackComponentConfig
from airflow_provider_pipes.stack.enums import StackComponentType
from airflow_provider_pipes.stack.flavor import Flavor
from airflow_provider_pipes.stack.registry import FlavorRegistry
from airflow_provider_pipes.stack.spec import component_from_spec, component_spec
from airflow_provider_pipes.testing.expectations import expect, expect_equal, expect_error, expect_no_error

_CHILD_SECONDS = 60
_UNKNOWN = "a_field_that_no_config_has"


class ComponentContract:
    """Proves what holds for every flavor: how it is found, configured, and built in another process.

    Attributes:
        flavor: The flavor's class, from a module of its own.
        config: Values of its configuration, as pipes.toml has them; override ``config_values`` for
            values that only a running test knows.
        config_imports: Packages, beside the standard library, pydantic, this one and the flavor's own,
            that the flavor's and the config's module may import.
        always_installed: Packages that the implementation may import and that are installed wherever
            the flavor is, so that nobody has to be told to install them.
    """

    kind: ClassVar[StackComponentType]
    flavor: ClassVar[type[Flavor] | None] = None
    config: ClassVar[Mapping[str, Any]] = {}
    config_imports: ClassVar[tuple[str, ...]] = ()
    always_installed: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def config_values(self) -> Mapping[str, Any]:
        """Values of the component's configuration."""
        return dict(self.config)

    @pytest.fixture
    def made_flavor(self) -> Flavor:
        """The flavor, found and checked as a stack does it."""
        if self.flavor is None:
            pytest.skip("the suite was given no flavor")
        with expect_no_error(
            f"the flavor can be loaded as {self.kind.label} by the class path {class_path(self.flavor)}"
        ):
            return FlavorRegistry().load(self.kind, class_path(self.flavor))

    @pytest.fixture
    def component(self, made_flavor: Flavor, config_values: Mapping[str, Any]) -> StackComponent:
        """The component, built from the configuration."""
        implementation = _implementation(made_flavor)
        config = made_flavor.config_class.model_validate(config_values)
        with expect_no_error(
            f"{implementation.__name__}(name, config, flavor) makes the component, and connects to nothing"
        ):
            return implementation("contract", config, made_flavor.name)

    def test_the_flavor_names_a_component_of_its_kind(self, made_flavor: Flavor) -> None:
        """The flavor's name is text, and its implementation a whole component of the flavor's kind."""
        implementation = _implementation(made_flavor)
        expect(
            made_flavor.name.strip() == made_flavor.name and ":" not in made_flavor.name,
            "a flavor's name is what users write in pipes.toml: without ':' and without spaces around it",
            made_flavor.name,
        )
        expect_equal(implementation.type, self.kind, f"the implementation is a {self.kind.label}")

    def test_the_config_is_frozen_and_refuses_unknown_fields(
        self, made_flavor: Flavor, config_values: Mapping[str, Any]
    ) -> None:
        """A config never changes after it was validated, and a misspelt field is an error."""
        kind = made_flavor.config_class
        config = kind.model_validate(config_values)
        field = next(iter(kind.model_fields), None)
        if field is not None:
            with expect_error(ValidationError, f"{kind.__name__} is frozen: no field can be set"):
                setattr(config, field, getattr(config, field))
        with expect_error(
            ValidationError, f"{kind.__name__} refuses fields that it does not have; keep extra='forbid'"
        ):
            kind.model_validate({**config_values, _UNKNOWN: 1})

    def test_the_config_can_be_imported_without_what_the_implementation_needs(
        self, made_flavor: Flavor, config_values: Mapping[str, Any]
    ) -> None:
        """A stack can be configured and shown where the backend's own packages are not installed.

        And where the implementation can't be imported there, the flavor says what to install.
        """
        answer = self._without_packages(made_flavor, config_values)
        expect(
            answer["config"] == "",
            "the modules of the flavor and its config import nothing but the standard library, pydantic and "
            "this package (others: name them in config_imports); what the implementation needs is imported "
            "inside `implementation_class`, or inside its methods",
            answer["config"],
        )
        expect(
            answer["implementation"] == "" or made_flavor.install_hint,
            "a flavor whose implementation needs packages says in `install_hint` what to pip install",
            answer["implementation"],
        )

    def _without_packages(self, flavor: Flavor, values: Mapping[str, Any]) -> dict[str, str]:
        request = {
            "flavor": class_path(type(flavor)),
            "values": dict(values),
            "allowed": [type(flavor).__module__.partition(".")[0], *self.config_imports],
            "installed": self.always_installed,
        }
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_pipes.testing.flavor_child"],
            input=json.dumps(request, default=str),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=_CHILD_SECONDS,
        )
        expect(done.returncode == 0, "the flavor can be imported in a process of its own", done.stderr)
        answer: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def test_another_process_builds_the_same_component_from_the_deployment(
        self, component: StackComponent
    ) -> None:
        """A deployment carries the component as JSON, without secrets, and a worker builds it again."""
        with expect_no_error(
            "a deployment can carry the component: classes at the top level of modules, a config that is "
            "JSON, and no secret in it (name an Airflow connection instead)"
        ):
            document = component_spec(component).model_dump_json()
        again = component_from_spec(ComponentSpec.model_validate_json(document))
        expect_equal(type(again), type(component), "a worker builds a component of the same class")
        expect_equal(
            _carried(again.config),
            _carried(component.config),
            "a worker builds the component with the config that it was deployed with",
        )


def _implementation(flavor: Flavor) -> type[StackComponent]:
    with expect_no_error(f"`implementation_class` of flavor {flavor.name!r} is a whole {flavor.type.label}"):
        return FlavorRegistry().implementation(flavor)


def _carried(config: StackComponentConfig) -> dict[str, Any]:
    # Without the fields that concern one machine.
    return config.model_dump(mode="json")
