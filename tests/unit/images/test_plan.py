from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes import DockerSettings
from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.plan import ImageReference, PlannedImage, plan_images, with_images
from airflow_provider_pipes.models.deployment import (
    CodeSpec,
    PipelineConfig,
    PipelineDeployment,
    StackSpec,
    StepSpec,
)

HERE = Path(__file__).parent


def deployment(code: str = "0", **steps: DockerSettings) -> PipelineDeployment:
    specs = tuple(
        StepSpec(name=name, source="m:f", code_hash="0" * 64, docker_settings=settings)
        for name, settings in steps.items()
    )
    return PipelineDeployment(
        pipeline=PipelineConfig(name="p", source="m:p"),
        step_specs=specs,
        code=CodeSpec(hash=code * 64),
        stack=StackSpec(name="s"),
    )


def planned(root: Path = HERE, code: str = "0", scheme: str = "", **settings: Any) -> PlannedImage:
    made = deployment(code, a=DockerSettings(**settings))
    (image,) = plan_images(made, ["a"], root, scheme).images
    return image


def test_steps_of_equal_settings_share_an_image_whatever_their_environment() -> None:
    made = deployment(
        a=DockerSettings(environment={"A": "1"}),
        b=DockerSettings(secrets={"B": "environment:B"}),
        c=DockerSettings(requirements=("six",)),
        d=DockerSettings(skip_build=True, image="given:1"),
        e=DockerSettings(),
    )
    plan = plan_images(made, ["a", "b", "c", "d"], HERE)
    assert [image.steps for image in plan.images] == [("a", "b"), ("c",)]
    assert plan.given == {"d": ImageReference("given:1")}


@pytest.mark.parametrize(
    "other",
    [
        {"requirements": ("six",)},
        {"requirements": ("-c six<2",)},
        {"apt_packages": ("git",)},
        {"parent_image": "python:3.12"},
        {"platform": "linux/arm64"},
        {"user": "0"},
        {"python_package_installer": "pip"},
        {"copy_code": True},
        {"build_options": {"buildargs": {"A": "1"}}},
        {"scheme": "s3"},
    ],
)
def test_what_changes_an_image_changes_its_tag(other: dict[str, Any]) -> None:
    assert planned(**other).tag != planned().tag


@pytest.mark.parametrize(
    "other",
    [
        {"code": "1"},
        {"environment": {"A": "1"}},
        {"target_repository": "other"},
        {"build_options": {"network_mode": "host", "nocache": True}},
        {
            "build_options": {
                "buildargs": {"PIP_INDEX_URL": "http://mirror/simple", "https_proxy": "http://p"}
            }
        },
        {"scheme": "file"},
    ],
)
def test_what_changes_nothing_of_an_image_keeps_its_tag(other: dict[str, Any]) -> None:
    expected = planned(build_options={"buildargs": {}}) if "buildargs" in str(other) else planned()
    assert planned(**other).tag == expected.tag


def test_code_in_the_image_is_part_of_its_tag() -> None:
    assert planned(code="1", copy_code=True).tag != planned(code="2", copy_code=True).tag


def test_the_environment_of_the_deploying_process_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned().tag
    monkeypatch.setenv("PIP_INDEX_URL", "https://joe:s3cr3t@host/simple")
    assert planned().tag == before


def test_a_project_has_one_repository_by_the_name_it_gives_itself(tmp_path: Path) -> None:
    assert planned(tmp_path).repository == "airflow-pipes/steps"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Churn_Model"\n')
    assert planned(tmp_path).repository == "airflow-pipes/churn-model"
    assert planned(tmp_path, target_repository="ml/churn").repository == "ml/churn"


def test_a_dockerfile_and_what_it_copies_are_part_of_the_tag(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "Dockerfile").write_text("FROM python:3.12\nCOPY a /\n")
    (tmp_path / "images" / "a").write_text("1")
    (tmp_path / "images" / ".dockerignore").write_text("# a comment\n*.log\n")
    first = planned(tmp_path, dockerfile="images/Dockerfile")
    (tmp_path / "images" / "run.log").write_text("2")
    (tmp_path / "b").write_text("2")
    same = planned(tmp_path, dockerfile="images/Dockerfile")
    assert (same.tag, same.parent_tag) == (first.tag, first.parent_tag)
    (tmp_path / "images" / "a").write_text("2")
    changed = planned(tmp_path, dockerfile="images/Dockerfile")
    assert changed.tag != first.tag
    assert changed.parent_tag != first.parent_tag
    assert planned(tmp_path, dockerfile="images/Dockerfile", user="7").parent_tag == changed.parent_tag


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dockerfile": "Dockerfile"}, "dockerfile 'Dockerfile' can't be read in .*: No such file"),
        (
            {"dockerfile": "test_plan.py", "build_context": "nowhere"},
            "build_context 'nowhere' is no folder in",
        ),
    ],
)
def test_a_dockerfile_that_is_not_there_is_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        planned(**settings)


def test_requirements_that_were_not_resolved_are_refused() -> None:
    with pytest.raises(ValueError, match="requirements 'lock' were not resolved"):
        planned(requirements="lock")


def test_images_become_part_of_the_deployment_and_of_its_id() -> None:
    made = deployment(a=DockerSettings(), b=DockerSettings())
    before = made.id
    assert with_images(made, {}) is made
    with_one = with_images(made, {"a": ImageReference("r@sha256:" + "0" * 64, "1" * 64)})
    assert with_one.id != before
    assert with_one.steps["a"].image == "r@sha256:" + "0" * 64
    assert with_one.steps["a"].image_build == "1" * 64
    assert with_one.steps["b"] == made.steps["b"]
    assert PipelineDeployment.from_json(with_one.document) == with_one


def test_a_thousand_steps_are_planned_at_once() -> None:
    made = deployment("0", **{f"s{number}": DockerSettings(requirements=("six",)) for number in range(1000)})
    began = time.perf_counter()
    (image,) = plan_images(made, list(made.steps), HERE).images
    assert time.perf_counter() - began < 1
    assert len(image.steps) == 1000


@given(st.text(), st.text())
def test_what_users_write_is_in_the_dockerfile_only_if_it_is_a_plain_name(name: str, user: str) -> None:
    try:
        settings: dict[str, Any] = {"parent_image": name, "user": user, "apt_packages": (name,)}
        text = planned(**settings).recipe.dockerfile(name)
    except ValueError:
        return
    # A user that has a name has a home of its own.
    assert len(text.split("\n")) - 1 == (15 if user[0].isdigit() else 14)
