"""Which engines and clusters the steps of a project run on, as its stack and what is deployed say it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.diagnosis.findings import NotCheckableError
from airflow_provider_pipes.diagnosis.store import working_storage
from airflow_provider_pipes.errors import PipesError

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination
    from airflow_provider_pipes.models.deployment import StepSpec
    from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig

DOCKER, KUBERNETES = "docker", "kubernetes"
# Of the arguments of Airflow's operators, those that say where.
_PLACE = {
    DOCKER: ("docker_url", "tls_ca_cert", "tls_client_cert", "tls_client_key", "tls_verify"),
    KUBERNETES: ("kubernetes_conn_id", "config_file", "cluster_context", "in_cluster", "namespace"),
}
_MOST_FILES = 10


@dataclass(frozen=True)
class Place:
    """An engine or cluster.

    Attributes:
        arguments: Those of Airflow's operator that say where it is.
        whose: Who runs steps there, as messages name them.
    """

    arguments: Mapping[str, Any]
    whose: str


@dataclass(frozen=True)
class ContainerUse:
    """What of containers is used.

    Attributes:
        docker: The Docker engines that steps run on.
        kubernetes: The clusters that they run on.
        builds: Whether images are built for them.
    """

    docker: tuple[Place, ...] = ()
    kubernetes: tuple[Place, ...] = ()
    builds: bool = False


def container_use(examination: Examination) -> ContainerUse:
    """Return what of containers is used; nothing where there is no stack that could say it."""
    try:
        found = [*_of_stack(examination), *_of_deployed(examination)]
    except NotCheckableError:
        return ContainerUse()
    return ContainerUse(
        docker=_places(DOCKER, found),
        kubernetes=_places(KUBERNETES, found),
        builds=any(each.builds for each in found),
    )


@dataclass(frozen=True)
class _Use:
    operator: str
    arguments: Mapping[str, Any]
    whose: str
    builds: bool


def _of_stack(examination: Examination) -> Iterator[_Use]:
    config = examination.orchestrator.config
    if config.operator not in _PLACE:
        return
    table = config.operators.get(config.operator)
    arguments = {**(table.args if table else {}), **config.operator_args}
    builds = not examination.project.file.settings.docker.skip_build
    yield _Use(config.operator, arguments, f"steps of stack {examination.stack.name!r}", builds)


def _of_deployed(examination: Examination) -> Iterator[_Use]:
    config = examination.orchestrator.config
    for file in examination.deployed[:_MOST_FILES]:
        for step in _steps(examination, file.deployment_id):
            found = _of_step(step, config, f"DAG {file.dag_id!r}")
            if found is not None:
                yield found


def _steps(examination: Examination, deployment_id: str) -> Iterable[StepSpec]:
    from airflow_provider_pipes.models.deployment import PipelineDeployment
    from airflow_provider_pipes.models.paths import deployment_path

    try:
        data = working_storage(examination).read(deployment_path(deployment_id))
        return PipelineDeployment.from_json(data).step_specs
    except (NotCheckableError, PipesError):
        # The check of DAG files says what is wrong with it.
        return ()


def _of_step(step: StepSpec, config: AirflowOrchestratorConfig, whose: str) -> _Use | None:
    from airflow_provider_pipes.orchestrators.airflow.modes import mode_of

    mode = mode_of(step, config)
    if mode.operator not in _PLACE:
        return None
    return _Use(mode.operator, mode.arguments, whose, step.image_build is not None)


def _places(operator: str, found: Iterable[_Use]) -> tuple[Place, ...]:
    users: dict[str, dict[str, None]] = {}
    for each in found:
        if each.operator == operator:
            place = {name: each.arguments[name] for name in _PLACE[operator] if name in each.arguments}
            users.setdefault(json.dumps(place, sort_keys=True, default=str), {})[each.whose] = None
    return tuple(Place(json.loads(place), " and ".join(whose)) for place, whose in users.items())
