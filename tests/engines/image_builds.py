"""Images of a user's project, built by a real engine."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import ImageNotFound

from airflow_provider_pipes.entrypoints.delegation import step_command
from airflow_provider_pipes.entrypoints.step_operator_entrypoint_configuration import (
    StepOperatorEntrypointConfiguration,
)
from airflow_provider_pipes.images.plan import ImagePlan, ImageReference, plan_images, with_images
from airflow_provider_pipes.images.prepare import build_images, find_images
from airflow_provider_pipes.models.deployment import PipelineDeployment
from airflow_provider_pipes.runtime.inputs import References
from airflow_provider_pipes.runtime.launch import StepLaunch
from airflow_provider_pipes.runtime.plan import DeploymentPlan
from airflow_provider_pipes.runtime.results import read_manifest
from tests.engines.docker_engine import DockerEngine
from tests.project import Compiled, UserProject


@dataclass
class Heard:
    """A listener that keeps what it hears."""

    found: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)

    def image_found(self, image: str, steps: Sequence[str]) -> None:
        self.found.append(image)

    def build_started(self, image: str, steps: Sequence[str]) -> None:
        self.built.append(image)

    def build_step(self, image: str, number: int, total: int, instruction: str) -> None:
        self.instructions.append(f"{number}/{total} {instruction}")

    def build_output(self, image: str, line: str) -> None:
        self.lines.append(line)

    def push_started(self, image: str, registry: str) -> None:
        self.pushed.append(image)

    def push_progress(self, image: str, done: int, total: int) -> None:
        self.progress.append((done, total))

    def image_ready(self, image: str, reference: str, seconds: float) -> None:
        self.ready.append(reference)


@dataclass
class ImageProject:
    """A project whose steps run in images, each test with a repository of its own."""

    project: UserProject
    engine: DockerEngine
    client: docker.DockerClient
    stack: str | None = None
    repository: str = field(default_factory=lambda: f"pipes-test/{uuid.uuid4().hex[:12]}")
    heard: Heard = field(default_factory=Heard)

    def write(self, text: str, **docker_settings: Any) -> None:
        """Write a pipeline; DOCKER in its text is settings with these beside parent image and repository."""
        given = {"target_repository": self.repository, **docker_settings}
        if "dockerfile" not in given:
            given.setdefault("parent_image", self.engine.base_image)
        said = ", ".join(f"{name}={value!r}" for name, value in given.items())
        self.project.pipeline(text.replace("DOCKER", f"DockerSettings({said})"))

    def plan(self, scheme: str = "", steps: Sequence[str] | None = None) -> tuple[Compiled, ImagePlan]:
        compiled = self.project.compile(stack=self.stack)
        names = list(compiled.deployment.steps) if steps is None else steps
        return compiled, plan_images(compiled.deployment, names, self.project.root, scheme)

    def build(self, scheme: str = "") -> Mapping[str, ImageReference]:
        """Build what is missing, and return the images by step."""
        self.heard = Heard()
        compiled, plan = self.plan(scheme)
        return build_images(
            plan,
            compiled.stack,
            lambda: compiled.code.snapshot().data,
            self.project.root,
            tell=self.heard,
        )

    def missing(self, **options: Any) -> int:
        compiled, plan = self.plan()
        return len(find_images(plan, compiled.stack, **options).missing)

    def deployment(self) -> PipelineDeployment:
        compiled, _ = self.plan()
        return with_images(compiled.deployment, self.build())

    def builds_since(self, moment: str) -> int:
        """Return how many images of this repository were made, as the engine tells it."""
        filters = {"type": "image", "event": "tag"}
        events = self.client.events(since=moment, until=f"{time.time():.9f}", filters=filters, decode=True)
        names = [event["Actor"]["Attributes"].get("name", "") for event in events]
        return sum(self.repository in name for name in names)

    def run_step(self, step: str, image: str, without_code: bool = False, **options: Any) -> Any:
        """Run a step in a container as an operator does, and return its manifest."""
        compiled, _ = self.plan()
        self.project.stored(compiled)
        storage = self.project.storage
        document = compiled.deployment
        plan = DeploymentPlan.from_document(document.document, document.id).step(step)
        launch = StepLaunch(storage, plan, f"run-{uuid.uuid4().hex[:8]}", "token", use_cache=False)
        upstream: Mapping[str, References] = {}
        assert launch.prepare({}, upstream) is None
        folder = self.project.root / ".pipes" / "artifacts"
        if without_code:
            for file in (folder / "code").iterdir():
                file.unlink()
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o777)
        command = step_command(StepOperatorEntrypointConfiguration, launch, None)
        # Removed after it ended, so that a failure's output is still there.
        self.client.containers.run(
            image, command, volumes={str(folder): {"bind": str(folder), "mode": "rw"}}, remove=True, **options
        )
        manifest = read_manifest(storage, launch.prefix)
        assert manifest is not None
        return manifest

    def python(self, image: str, script: str) -> str:
        """Run a script in a container and return what it prints."""
        said: bytes = self.client.containers.run(image, ["python", "-c", script], remove=True)
        return said.decode()

    def added_megabytes(self, image: str) -> float:
        """Return the size of what an image has over its parent."""
        own, parent = self.client.images.get(image), self.client.images.get(self.engine.base_image)
        return float(own.attrs["Size"] - parent.attrs["Size"]) / 1e6

    def remove_images(self) -> None:
        """Remove the names of this repository; without force, which takes other names of an image with it."""
        for image in self.client.api.images():
            for name in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())):
                if self.repository in name:
                    with contextlib.suppress(ImageNotFound):
                        self.client.images.remove(name)
