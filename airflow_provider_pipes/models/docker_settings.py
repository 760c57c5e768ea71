"""What a user may say about the image and the environment of a step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from airflow_provider_pipes.models import images
from airflow_provider_pipes.models.secret_references import parse_secret
from airflow_provider_pipes.models.settings_base import Settings

CONSTRAINT_PREFIX = "-c "
"""What a line of requirements begins with that limits a version and installs nothing."""

_URL_WITH_LOGIN = re.compile(r"://[^/\s'\"@]*:[^/\s'\"@]+@")
# Linux takes 128 kiB for one variable with its name; more, and nothing starts.
_MAX_VARIABLE = 100_000
# What has no meaning for an image that is used as it is.
_BUILD_FIELDS = ("parent_image", "dockerfile", "build_context", "requirements", "apt_packages", "copy_code")


def _checked(problem: Callable[[str], str | None]) -> AfterValidator:
    """Return a validator that refuses a text for the reason that ``problem`` tells."""

    def check(value: str) -> str:
        told = problem(value)
        if told is not None:
            raise ValueError(told)
        return value

    return AfterValidator(check)


ImageName = Annotated[str, _checked(images.image_problem)]
ProjectPath = Annotated[str, _checked(images.project_path_problem)]
AptPackage = Annotated[str, _checked(images.apt_package_problem)]


class DockerSettings(Settings):
    """The environment that a step needs: its image and its requirements.

    Attributes:
        parent_image: Image to start from; python:X.Y-slim of the deploying Python by default.
        dockerfile: Dockerfile of the parent image, relative to the project; built first, in place of
            ``parent_image``.
        build_context: Folder that the Dockerfile copies from, relative to the project; by default the
            one that it is in.
        requirements: Requirement specifiers, as in a requirements file; the path of such a file,
            relative to the project; or "lock" for the project's lock, which is the first there is of
            pylock.toml, uv.lock, requirements.lock, requirements.txt. Part of the cache key.
        apt_packages: Debian packages to install.
        environment: Variables of the step's process; plain values, never secret ones.
        secrets: For a variable's name, where its value is, as "airflow-connection:ID.password";
            resolved on the worker when the step starts.
        build_options: Further arguments of the image builder; never secret ones.
        platform: Platform of the image, as "linux/amd64".
        user: User that the container runs as; by default one without privileges.
        python_package_installer: What installs the requirements.
        copy_code: Whether the code is part of the image, instead of fetched from the artifact store.
        target_repository: Repository of the image in the container registry.
        skip_build: Whether ``image`` is used as it is.
        image: An image that has all that the step needs, with ``skip_build``.
    """

    # What was given may be a secret in the wrong place, so no message of pydantic repeats it.
    model_config = ConfigDict(hide_input_in_errors=True)

    parent_image: ImageName | None = None
    dockerfile: ProjectPath | None = None
    build_context: ProjectPath | None = None
    requirements: tuple[str, ...] | str = ()
    apt_packages: tuple[AptPackage, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    build_options: dict[str, Any] = Field(default_factory=dict)
    platform: Annotated[str, _checked(images.platform_problem)] | None = None
    user: Annotated[str, _checked(images.user_problem)] | None = None
    python_package_installer: Literal["uv", "pip"] = "uv"
    copy_code: bool = False
    target_repository: Annotated[str, _checked(images.repository_problem)] | None = None
    skip_build: bool = False
    image: ImageName | None = None

    @field_validator("requirements")
    @classmethod
    def _plain_requirements(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if isinstance(value, str) and value != "lock":
            told = images.project_path_problem(value)
            if told is not None:
                raise ValueError(f"{told}; specifiers are given as a list, and the project's lock as 'lock'")
        elif not isinstance(value, str) and any("\n" in line or "\0" in line for line in value):
            raise ValueError("a requirement is one line; give a list of specifiers")
        return value

    @field_validator("environment", "secrets")
    @classmethod
    def _variables(cls, values: dict[str, str]) -> dict[str, str]:
        problems = [images.variable_problem(name) for name in values]
        problems += [f"{name}: holds a NUL character" for name, value in values.items() if "\0" in value]
        problems += [
            f"{name}: has {len(value.encode(errors='replace'))} bytes, and no process takes more than "
            f"{_MAX_VARIABLE} in one variable; pass it as a parameter or an artifact"
            for name, value in values.items()
            if len(value.encode(errors="replace")) > _MAX_VARIABLE
        ]
        if told := [problem for problem in problems if problem is not None]:
            raise ValueError("; ".join(told))
        return values

    @field_validator("secrets")
    @classmethod
    def _references(cls, values: dict[str, str]) -> dict[str, str]:
        for name, text in values.items():
            try:
                parse_secret(text)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return values

    @field_validator("build_options")
    @classmethod
    def _no_credentials(cls, values: dict[str, Any]) -> dict[str, Any]:
        if _URL_WITH_LOGIN.search(repr(values)):
            raise ValueError(
                "a URL in it holds a login, which would stand in the deployment; set what a build needs in "
                "the environment of the deploying process, as PIP_INDEX_URL or UV_DEFAULT_INDEX"
            )
        return values

    @model_validator(mode="after")
    def _one_way_to_an_image(self) -> Self:
        if self.parent_image and self.dockerfile:
            raise ValueError("give either parent_image or dockerfile, which builds the parent image")
        if self.build_context and not self.dockerfile:
            raise ValueError("build_context is what a dockerfile copies from; give dockerfile as well")
        if twice := sorted(set(self.environment) & set(self.secrets)):
            raise ValueError(f"{', '.join(twice)} is in both environment and secrets; keep one")
        if self.skip_build and not self.image:
            raise ValueError("skip_build=True uses an image as it is; say which by image=…")
        if self.image and not self.skip_build:
            raise ValueError(
                "image=… is used as it is, with skip_build=True; to build on it, name it parent_image"
            )
        if self.skip_build and (unused := [name for name in _BUILD_FIELDS if getattr(self, name)]):
            raise ValueError(
                f"skip_build=True builds nothing, so {', '.join(unused)} would have no effect; remove it"
            )
        return self

    def over(self, defaults: DockerSettings) -> DockerSettings:
        """Return these settings, with ``defaults`` for the fields that are not set.

        Of two that exclude each other, the one set here counts.
        """
        own = self.model_dump(exclude_unset=True)
        given = defaults.model_dump(exclude_unset=True)
        if own.get("dockerfile") or own.get("skip_build"):
            given.pop("parent_image", None)
        if own.get("parent_image") or own.get("dockerfile") or own.get("skip_build"):
            given = {
                name: each for name, each in given.items() if name not in ("dockerfile", "build_context")
            }
        if own.get("skip_build"):
            given = {name: each for name, each in given.items() if name not in _BUILD_FIELDS}
        if own.get("parent_image") or own.get("dockerfile") or own.get("skip_build") is False:
            given = {name: each for name, each in given.items() if name not in ("skip_build", "image")}
        return DockerSettings.model_validate({**given, **own})
