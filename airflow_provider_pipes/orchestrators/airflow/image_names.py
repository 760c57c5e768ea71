"""Names for the images that several tasks of a DAG file run in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_pipes.errors import DeployError

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepSpec

_NAME = "IMAGE"


def image_names(
    steps: Sequence[StepSpec], variables: Mapping[str, str], also_taken: Collection[str] = ()
) -> dict[str, str]:
    """Return a constant's name for each image that several steps share; others stand where they are used.

    Args:
        steps: The steps that run in containers.
        variables: The name of each step's variable in the DAG file.
        also_taken: Names that the file uses already.

    Raises:
        DeployError: a step has no image.
    """
    users: dict[str, list[StepSpec]] = {}
    for step in steps:
        if step.image is None:
            raise DeployError(
                f"step {step.name!r} runs in a container and has no image yet; let the orchestrator's "
                "prepare_images find or build it before the DAG file is rendered"
            )
        users.setdefault(step.image, []).append(step)
    shared = {image: of for image, of in users.items() if len(of) > 1}
    if len(shared) == 1:
        return dict.fromkeys(shared, _NAME)
    taken = {*variables.values(), *also_taken}
    names: dict[str, str] = {}
    for image, of in shared.items():
        name = f"{_NAME}_{variables[of[0].name].strip('_').upper()}"
        while name in taken:
            name += "_"
        taken.add(name)
        names[image] = name
    return names
