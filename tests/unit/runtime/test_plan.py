from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import ArtifactNotFoundError, IntegrityError, RunError, SchemaVersionError
from airflow_provider_pipes.models.canonical import canonical_json, sha256_hex
from airflow_provider_pipes.models.paths import deployment_path
from airflow_provider_pipes.runtime.plan import DeploymentPlan, OutputPlan
from tests.project import UserProject

TEXT = """
    @step(cache=False, resources=ResourceSettings(cpu_count=2), docker=DockerSettings(requirements=["a"]))
    def load(n: int) -> tuple[Annotated[int, "a"], int]:
        return n, n

    @step
    def use(x: Any) -> None: ...

    @pipeline
    def p(n: int = 3):
        use.after(load(n))(1)
"""


def test_a_plan_says_of_a_step_what_the_deployment_says(project: UserProject) -> None:
    deployment = project.pipeline(TEXT).deployment()
    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    load, use = plan.step("load"), plan.step("use")
    assert (load.source, load.returns_tuple, load.cache) == ("pipeline:load", True, False)
    assert load.outputs == [OutputPlan("a", None), OutputPlan("output_1", None)]
    assert (load.environment, load.resources) == ({"requirements": ["a"]}, {"cpu_count": 2.0})
    assert (use.upstream, use.outputs, use.returns_tuple, use.cache) == (["load"], [], False, True)
    assert (use.step_operator, use.environment, use.resources) == (None, {}, {})
    assert load.code_hash == deployment.steps["load"].code_hash
    assert [each["name"] for each in plan.parameters] == ["n"]
    assert [each["type"] for each in plan.components] == ["orchestrator", "artifact_store"]


def test_an_unknown_step_is_told_with_those_there_are(project: UserProject) -> None:
    deployment = project.pipeline(TEXT).deployment()
    plan = DeploymentPlan.from_document(deployment.document, deployment.id)
    with pytest.raises(RunError, match="of pipeline 'p' has no step 'laod'; it has: load, use"):
        plan.step("laod")


def test_a_deployment_in_the_store_that_was_changed_is_refused(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write(deployment_path("d" * 64), b"{}")
    with pytest.raises(IntegrityError, match="it was changed or cut off; run `pipes deploy` again"):
        DeploymentPlan.load(storage, "d" * 64)


def test_a_deployment_that_is_not_in_the_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactNotFoundError,
        match=r"deployment dddddddddddd is not in the artifact store .* from here: .*pipes deploy",
    ):
        DeploymentPlan.load(LocalStorage(tmp_path), "d" * 64)


def test_a_newer_deployment_is_refused_in_one_sentence() -> None:
    document = canonical_json({"schema_version": 2})
    with pytest.raises(SchemaVersionError, match="this deployment has schema version 2") as caught:
        DeploymentPlan.from_document(document, sha256_hex(document))
    assert "\n" not in str(caught.value)
