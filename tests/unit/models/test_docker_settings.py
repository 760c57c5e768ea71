from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_pipes import DockerSettings
from airflow_provider_pipes.models.images import server_of


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parent_image": "Python 3"}, "names no image; write it as 'python:3.12-slim'"),
        ({"parent_image": "python:3.12\nRUN rm -rf /"}, "names no image"),
        ({"parent_image": "a", "dockerfile": "Dockerfile"}, "either parent_image or dockerfile"),
        ({"build_context": "images"}, "give dockerfile as well"),
        ({"dockerfile": "../Dockerfile"}, "leaves the project"),
        ({"dockerfile": "/etc/passwd"}, "leaves the project"),
        ({"apt_packages": ["git; rm -rf /"]}, "names no Debian package"),
        ({"apt_packages": ["--allow-downgrades"]}, "names no Debian package"),
        ({"environment": {"A-B": "c"}}, "'A-B' names no variable"),
        ({"environment": {"A": "\0"}}, "A: holds a NUL character"),
        (
            {"environment": {"A": "1"}, "secrets": {"A": "environment:A"}},
            "A is in both environment and secrets",
        ),
        ({"secrets": {"TOKEN": "airflow-connection:"}}, "TOKEN: expected a reference to a secret"),
        ({"platform": "amd64"}, "write it as 'linux/amd64'"),
        ({"user": "0; reboot"}, "names no user"),
        ({"target_repository": "registry.example.com:5000/a"}, "without registry and tag"),
        ({"requirements": "/requirements.txt"}, "specifiers are given as a list"),
        ({"requirements": ["six\nidna"]}, "a requirement is one line"),
        ({"skip_build": True}, "say which by image="),
        ({"image": "a"}, "with skip_build=True; to build on it, name it parent_image"),
        ({"skip_build": True, "image": "a", "requirements": ["six"]}, "so requirements would have no effect"),
        ({"build_options": {"buildargs": {"INDEX": "https://joe:x@host/"}}}, "a URL in it holds a login"),
    ],
)
def test_what_can_not_be_is_told(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DockerSettings(**values)
    assert message in str(caught.value)


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    for values in (
        {"secrets": {"TOKEN": "hf_s3cr3t"}},
        {"environment": {"A": "hf_s3cr3t"}, "skip_build": True},
        {"build_options": {"url": "https://joe:hf_s3cr3t@host/"}},
    ):
        with pytest.raises(ValidationError) as caught:
            DockerSettings(**values)
        assert "hf_s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        ({"parent_image": "a"}, {"dockerfile": "D"}, {"dockerfile": "D"}),
        ({"dockerfile": "D", "build_context": "c"}, {"parent_image": "a"}, {"parent_image": "a"}),
        (
            {"parent_image": "a", "requirements": ["six"], "user": "7"},
            {"skip_build": True, "image": "b"},
            {"skip_build": True, "image": "b", "user": "7"},
        ),
        ({"skip_build": True, "image": "b"}, {"parent_image": "a"}, {"parent_image": "a"}),
        ({"skip_build": True, "image": "b"}, {"skip_build": False}, {"skip_build": False}),
        (
            {"requirements": ["six"]},
            {"apt_packages": ["git"]},
            {"requirements": ["six"], "apt_packages": ["git"]},
        ),
    ],
)
def test_of_two_that_exclude_each_other_the_nearer_one_counts(
    default: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert DockerSettings(**own).over(DockerSettings(**default)) == DockerSettings(**expected)


@given(st.text())
def test_no_text_of_a_user_ends_a_line_of_a_dockerfile(text: str) -> None:
    for values in ({"parent_image": text}, {"apt_packages": [text]}, {"user": text}, {"image": text}):
        try:
            DockerSettings(**values, skip_build="image" in values)
        except ValidationError:
            continue
        assert not any(character.isspace() or character in "$`;&|<>\\\"'(){}" for character in text)


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("python:3.12", None),
        ("library/python", None),
        ("localhost/a", "localhost"),
        ("127.0.0.1:5000/a:1", "127.0.0.1:5000"),
        ("registry.example.com/ml/a@sha256:" + "0" * 64, "registry.example.com"),
    ],
)
def test_an_image_tells_its_registry(image: str, server: str | None) -> None:
    assert DockerSettings(parent_image=image).parent_image == image
    assert server_of(image) == server


def test_a_value_that_no_process_would_start_with_is_refused() -> None:
    with pytest.raises(ValidationError, match="BIG: has 100001 bytes, and no process takes more than 100000"):
        DockerSettings(environment={"BIG": "x" * 100_001})
    assert DockerSettings(environment={"BIG": "x" * 100_000})
