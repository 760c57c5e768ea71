"""What importing the package, and running a step in a process of its own, brings with it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_pipes.entrypoints.step_entrypoint_configuration import StepEntrypointConfiguration
from airflow_provider_pipes.runtime import runs
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from tests.project import UserProject

HEAVY = {
    "airflow",
    "asyncio",
    "boto3",
    "botocore",
    "click",
    "cloudpickle",
    "docker",
    "fsspec",
    "jinja2",
    "jsonschema",
    "kubernetes",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "rich",
    "s3fs",
    "tomlkit",
    "typer",
    "typing_extensions",
    "yaml",
}
OURS_NOT_NEEDED = {"cli", "compiler", "operators", "orchestrators", "step_operators", "stack.project"}

STEP = """
    from airflow_provider_pipes import get_step_context, pipeline, step
    import sys

    @step
    def work(n: int) -> list[str]:
        get_step_context().log_metadata({"n": n})
        return sorted(sys.modules)

    @pipeline
    def p(n: int = 3):
        work(n)
"""


def imported_by(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def heavy(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


@pytest.mark.parametrize(
    "statement",
    [
        "import airflow_provider_pipes",
        "from airflow_provider_pipes import pipeline, step, get_step_context, SkipStep, FailWithoutRetry",
        "import airflow_provider_pipes.entrypoints.entrypoint",
        "import airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration",
        "import airflow_provider_pipes.runtime.runner, airflow_provider_pipes.runtime.launch",
        "import airflow_provider_pipes.artifacts.payloads, airflow_provider_pipes.artifacts.local",
    ],
)
def test_importing_it_brings_nothing_heavy(statement: str) -> None:
    assert heavy(imported_by(statement)) == set()


def test_the_package_alone_brings_none_of_its_parts() -> None:
    ours = {
        name
        for name in imported_by("import airflow_provider_pipes")
        if name.startswith("airflow_provider_pipes")
    }
    assert ours == {"airflow_provider_pipes", "airflow_provider_pipes.lazy", "airflow_provider_pipes.version"}


def test_a_step_in_a_process_of_its_own_runs_on_the_standard_library_alone(project: UserProject) -> None:
    project.write("pipeline.py", STEP)
    compiled = project.compile()
    project.stored(compiled)
    record = runs.new_record("p", "one", compiled.deployment.id, "local", {"n": 3})
    runs.start_local_run(project.storage, record)
    arguments = StepEntrypointConfiguration.get_entrypoint_arguments(
        step_name="work", store=project.storage.uri, pipeline_name="p", run_name="one"
    )
    done = project.python(*StepEntrypointConfiguration.get_entrypoint_command()[1:], *arguments)
    assert done.returncode == 0, done.stderr
    modules = _value(project, compiled.deployment, record)
    assert heavy(modules) == set()
    parts = {name.removeprefix("airflow_provider_pipes.") for name in modules}
    assert parts & OURS_NOT_NEEDED == set()
    assert "models.deployment" not in parts
    assert "models.settings" not in parts


def _value(project: UserProject, deployment: Any, record: Any) -> set[str]:
    from airflow_provider_pipes.artifacts.payloads import load_artifact

    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    launch = StepLaunch(project.storage, plan.step("work"), "one", runs.local_token(record, "work"))
    manifest = launch.finished()
    assert manifest is not None
    assert manifest.metadata == {"n": 3}
    return set(load_artifact(project.storage, manifest.references()["output"]))


@pytest.mark.parametrize("package", ["", ".orchestrators", ".stack", ".step_operators"])
def test_every_exported_name_exists_and_is_listed(package: str) -> None:
    module = importlib.import_module(f"airflow_provider_pipes{package}")
    exported = module.__all__
    assert sorted(exported) == sorted(set(exported))
    for name in exported:
        assert getattr(module, name) is not None
    assert set(exported) <= set(dir(module))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    import airflow_provider_pipes

    with pytest.raises(AttributeError, match="module 'airflow_provider_pipes' has no attribute 'Stpe'"):
        airflow_provider_pipes.Stpe  # noqa: B018
