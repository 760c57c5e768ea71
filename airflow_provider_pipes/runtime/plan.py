"""A light view of a deployment document, for processes that must start fast.

A step container reads the hash-checked JSON as it is; the pydantic model of the same document
(``models.deployment``) costs more than everything else that it imports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.errors import ArtifactNotFoundError, IntegrityError, RunError
from airflow_provider_pipes.models.canonical import sha256_hex
from airflow_provider_pipes.models.documents import check_schema_version
from airflow_provider_pipes.models.paths import deployment_path

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.storage import Storage

# Of the docker settings; how an image is built, where it is kept and who runs it changes no result.
_DECIDING = (
    "parent_image",
    "dockerfile",
    "requirements",
    "apt_packages",
    "environment",
    "platform",
    "image",
)


@dataclass(frozen=True)
class OutputPlan:
    """A declared output of a step."""

    name: str
    materializer: str | None


@dataclass(frozen=True)
class StepPlan:
    """What running one step needs to know of its deployment."""

    deployment: DeploymentPlan
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name in the pipeline."""
        return str(self.values["name"])

    @property
    def source(self) -> str:
        """The function, as "module:function"."""
        return str(self.values["source"])

    @property
    def inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Input specs by name."""
        return dict(self.values.get("inputs", {}))

    @property
    def outputs(self) -> list[OutputPlan]:
        """Declared outputs, in order."""
        return [OutputPlan(each["name"], each.get("materializer")) for each in self.values.get("outputs", ())]

    @property
    def returns_tuple(self) -> bool:
        """Whether the function returns its outputs as a tuple."""
        return bool(self.values.get("returns_tuple", False))

    @property
    def upstream(self) -> list[str]:
        """Names of the steps that come before."""
        return list(self.values.get("upstream", ()))

    @property
    def code_hash(self) -> str:
        """SHA-256 over the step's code closure."""
        return str(self.values["code_hash"])

    @property
    def cache(self) -> bool:
        """Whether a cached result may be used."""
        return bool(self.values.get("cache", True))

    @property
    def environment(self) -> Mapping[str, Any]:
        """What beside code and inputs decides a result: of the settings, and of the image if it was built."""
        docker: Mapping[str, Any] = self.values.get("docker_settings", {})
        found = {name: docker[name] for name in _DECIDING if name in docker}
        if "dockerfile" in found:
            found["dockerfile"] = self.values.get("image_build")
        chosen = self.orchestrator_settings
        return found | {
            f"python_{name}": chosen[name] for name in ("python", "requirements") if name in chosen
        }

    @property
    def variables(self) -> Mapping[str, str]:
        """Plain variables for the step's process."""
        return dict(self.values.get("docker_settings", {}).get("environment", {}))

    @property
    def secrets(self) -> Mapping[str, str]:
        """For a variable of the step's process, where its secret value is."""
        return dict(self.values.get("docker_settings", {}).get("secrets", {}))

    @property
    def user(self) -> str | None:
        """The user that its container runs as, where one was chosen."""
        docker: Mapping[str, str | None] = self.values.get("docker_settings", {})
        return docker.get("user")

    @property
    def orchestrator_settings(self) -> Mapping[str, Any]:
        """What was said to the orchestrator about this step."""
        return dict(self.values.get("orchestrator_settings", {}))

    @property
    def image(self) -> str | None:
        """Reference of its image, if it has one."""
        return self.values.get("image")

    @property
    def image_built(self) -> bool:
        """Whether `pipes deploy` made that image; another one is used as it is."""
        return self.values.get("image_build") is not None

    @property
    def resources(self) -> dict[str, Any]:
        """The resources that it asks for."""
        return dict(self.values.get("resource_settings", {}))

    @property
    def step_operator(self) -> str | None:
        """Name of the step operator that runs it, if any."""
        return self.values.get("step_operator")


@dataclass(frozen=True)
class DeploymentPlan:
    """A decoded deployment document."""

    id: str
    values: Mapping[str, Any]

    @classmethod
    def from_document(cls, document: bytes, deployment_id: str) -> DeploymentPlan:
        """Decode a document after checking that it is the one asked for.

        Raises:
            IntegrityError: its content does not match its id.
            SchemaVersionError: a newer version wrote it.
        """
        found = sha256_hex(document)
        if found != deployment_id:
            raise IntegrityError(
                f"the deployment document {deployment_id} in the artifact store has the SHA-256 {found}: "
                "it was changed or cut off; run `pipes deploy` again"
            )
        values = json.loads(document)
        check_schema_version("deployment", values)
        return cls(deployment_id, values)

    @classmethod
    def load(cls, storage: Storage, deployment_id: str) -> DeploymentPlan:
        """Read a deployment from the store and check its hash.

        Raises:
            ArtifactNotFoundError: the store, as this process sees it, has no such deployment.
        """
        try:
            document = storage.read(deployment_path(deployment_id))
        except ArtifactNotFoundError:
            raise ArtifactNotFoundError(
                f"deployment {deployment_id[:12]} is not in the artifact store {storage.uri}, as it is seen "
                "from here: either it was removed (run `pipes deploy` again), or the store is another folder "
                "here than where it was deployed (share that folder, or use a store in a bucket)"
            ) from None
        return cls.from_document(document, deployment_id)

    @property
    def pipeline(self) -> str:
        """Name of the pipeline."""
        return str(self.values["pipeline"]["name"])

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        """Parameter specs."""
        return list(self.values["pipeline"].get("parameters", ()))

    @property
    def code_hash(self) -> str:
        """Names the code snapshot."""
        return str(self.values["code"]["hash"])

    @property
    def code_roots(self) -> list[str]:
        """Folders of the snapshot that go on ``sys.path``."""
        return list(self.values["code"].get("roots", [""]))

    @property
    def components(self) -> list[Mapping[str, Any]]:
        """Specs of the stack's components."""
        return list(self.values["stack"].get("components", ()))

    @cached_property
    def _steps(self) -> dict[str, Mapping[str, Any]]:
        return {each["name"]: each for each in self.values["steps"]}

    def step_names(self) -> list[str]:
        """Return the names of the steps, in order."""
        return list(self._steps)

    def step(self, name: str) -> StepPlan:
        """Return the plan of one step.

        Raises:
            RunError: the deployment has no such step.
        """
        if name in self._steps:
            return StepPlan(self, self._steps[name])
        raise RunError(
            f"deployment {self.id[:12]} of pipeline {self.pipeline!r} has no step {name!r}; "
            f"it has: {', '.join(self.step_names())}"
        )
