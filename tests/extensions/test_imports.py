"""The names that an author of flavors imports, each from the place where one looks for it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

NAMES = {
    "orchestrators": ["BaseOrchestrator", "BaseOrchestratorConfig", "BaseOrchestratorFlavor"],
    "step_operators": ["BaseStepOperator", "BaseStepOperatorConfig", "BaseStepOperatorFlavor"],
    "stack": ["Flavor", "Stack", "StackComponent", "StackComponentConfig", "StackComponentType"],
    "entrypoints": [
        "BaseEntrypointConfiguration",
        "StepEntrypointConfiguration",
        "StepOperatorEntrypointConfiguration",
        "STEP_NAME_OPTION",
        "EXECUTION_INFO_PATH_OPTION",
    ],
    "models.deployment": ["PipelineDeployment", "StepRunInfo"],
    # As the documents have it, one module for each.
    "entrypoints.base_entrypoint_configuration": ["BaseEntrypointConfiguration"],
    "entrypoints.step_entrypoint_configuration": ["StepEntrypointConfiguration", "STEP_NAME_OPTION"],
    "entrypoints.step_operator_entrypoint_configuration": ["StepOperatorEntrypointConfiguration"],
    "errors": ["DuplicateRunNameError"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module]])
def test_a_name_is_where_an_author_looks_for_it(module: str, name: str) -> None:
    found = importlib.import_module(f"airflow_provider_pipes.{module}")
    assert getattr(found, name) is not None
    if "." not in module and module != "errors":
        assert name in found.__all__
        assert name in dir(found)


@pytest.mark.parametrize("package", ["entrypoints", "orchestrators", "stack", "step_operators"])
def test_a_name_that_a_package_has_not_is_an_attribute_error(package: str) -> None:
    found = importlib.import_module(f"airflow_provider_pipes.{package}")
    with pytest.raises(
        AttributeError, match=f"'airflow_provider_pipes.{package}' has no attribute 'Operator'"
    ):
        found.Operator  # noqa: B018


def test_the_package_of_entrypoints_imports_nothing_until_a_name_is_asked_for() -> None:
    code = (
        "import sys, airflow_provider_pipes.entrypoints; "
        "print(sorted(name for name in sys.modules if name.startswith('airflow_provider_pipes.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = [f"airflow_provider_pipes.{name}" for name in ("entrypoints", "lazy", "version")]
    assert done.stdout.strip() == repr(ours)
