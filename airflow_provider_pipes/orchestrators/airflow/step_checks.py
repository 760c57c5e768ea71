"""What a person must or should know of steps and the operators that they run by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.artifacts.component import artifact_store_of
from airflow_provider_pipes.compiler.orchestrator_view import NOT_ENFORCED, Findings
from airflow_provider_pipes.models.canonical import canonical_json
from airflow_provider_pipes.models.memory import memory_bytes
from airflow_provider_pipes.models.secret_references import parse_secret
from airflow_provider_pipes.orchestrators.airflow.argument_values import typed_problems, volume_problems
from airflow_provider_pipes.orchestrators.airflow.location import local_path
from airflow_provider_pipes.orchestrators.airflow.modes import Mode, mode_of, resource_pool
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import untemplated
from airflow_provider_pipes.orchestrators.airflow.operator_config import DOCKER, KUBERNETES, PYTHON
from airflow_provider_pipes.orchestrators.airflow.other_operators import arguments_like, signature_problems

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import StepSpec
    from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
    from airflow_provider_pipes.stack.stack import Stack

_NOT_BY_DOCKER = ("gpu_type", "ephemeral_storage")
_LOCAL_REGISTRY = "local"
# A Docker engine takes no lower limit, and in a pod nothing starts with one.
_LEAST_MEMORY = 6 * 1024**2
# What may hold volumes that can't be read here.
_WHOLE_PODS = ("pod_template_file", "pod_template_dict", "full_pod_spec")
# Of pods and of Docker's containers.
_MOUNTS = ("volume_mounts", "mounts")
_MOUNT_PATHS = ("mountPath", "mount_path", "target", "Target")


class StepChecks:
    """The checks of one pipeline's steps.

    Args:
        config: The orchestrator's configuration.
        stack: The stack.
        project_root: The project's folder.
    """

    def __init__(self, config: AirflowOrchestratorConfig, stack: Stack, project_root: Path) -> None:
        self.config = config
        self.stack = stack
        store = artifact_store_of(stack)
        self.store_connection = store.connection_id
        self.store_folder = local_path(store.uri(project_root))

    def findings(self, steps: Sequence[StepSpec]) -> Findings:
        """Return what is to be told of the steps."""
        modes = [(step, mode_of(step, self.config)) for step in steps]
        problems = [*self._problems(modes), *self._value_problems(modes)]
        warnings = [
            f"step {step.name!r}: {each}" for step, mode in modes for each in self._warnings(step, mode)
        ]
        warnings += self._local_image(modes)
        found, further = signature_problems(self.config, [mode for _, mode in modes])
        in_image = {step.name: mode.in_container for step, mode in modes if step.step_operator is None}
        return Findings((*problems, *found), (*warnings, *further), in_image)

    def _problems(self, modes: Iterable[tuple[StepSpec, Mode]]) -> Iterator[str]:
        for step, mode in modes:
            where = f"step {step.name!r}"
            if mode.operator == KUBERNETES and not self._reaches_store(mode.arguments):
                yield (
                    f"{where}: its pod would not see the artifact store, a folder of this machine "
                    f"({self.store_folder}); give the orchestrator a store_volume, mount a volume there by "
                    "operator_args volumes and volume_mounts, or use a store in a bucket"
                )
            yield from (f"{where}, {each}" for each in self._secret_problems(step, mode))
            yield from (f"{where}, {each}" for each in _memory_problems(step, mode))

    def _value_problems(self, modes: Sequence[tuple[StepSpec, Mode]]) -> Iterator[str]:
        """Yield what is wrong with values that the orchestrator's configuration gives, once for all steps.

        Those that a pipeline or a step gives are looked at with its settings.
        """
        whose: dict[str, list[str]] = {}
        told: dict[tuple[str, bytes], list[str]] = {}
        for step, mode in modes:
            kind = arguments_like(mode.operator, mode.other)
            said = step.orchestrator_settings.get("operator_args", {})
            given = {name: value for name, value in mode.arguments.items() if name not in said}
            key = kind, canonical_json(given)
            if key not in told:
                told[key] = [*typed_problems(kind, given)]
            for problem in told[key]:
                whose.setdefault(problem, []).append(step.name)
        yield from (f"{_steps(names)}, operator_args.{problem}" for problem, names in whose.items())
        if self.config.store_volume is not None and any(mode.operator == KUBERNETES for _, mode in modes):
            found = volume_problems(self.config.store_volume, "store_volume")
            yield from (f"the orchestrator's {each}" for each in found)

    def _reaches_store(self, arguments: Mapping[str, Any]) -> bool:
        if self.store_folder is None or self.config.store_volume is not None:
            return True
        return any(arguments.get(name) for name in _WHOLE_PODS) or self._is_mounted(arguments)

    def _is_mounted(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether arguments mount something where the artifact store is."""
        mounts = [each for name in _MOUNTS for each in _list(arguments.get(name))]
        paths = [_mount_path(each) for each in mounts]
        folder = PurePosixPath(self.store_folder or "")
        return any(path and folder.is_relative_to(path) for path in paths)

    def _secret_problems(self, step: StepSpec, mode: Mode) -> Iterator[str]:
        if step.step_operator is not None:
            return
        secrets = step.docker_settings.secrets
        if mode.operator != KUBERNETES:
            for variable in filter(lambda each: _is_kubernetes_secret(secrets[each]), secrets):
                yield (
                    f"secrets, {variable}: a secret of Kubernetes reaches steps with operator='kubernetes' "
                    f"only, and this one has {mode.operator!r}; name a connection or a variable of Airflow"
                )
        if mode.other and mode.other.private_environment is None and (secrets or self.store_connection):
            what = "secrets" if secrets else f"connection {self.store_connection!r} of the artifact store"
            yield (
                f"{what}: operator {mode.operator!r} has no private_environment, the name of its argument "
                "for secret variables; add it to the orchestrator's table of operators, if the class has one"
            )

    def _warnings(self, step: StepSpec, mode: Mode) -> Iterator[str]:
        yield from self._resource_warnings(step, mode)
        for name in untemplated(mode.operator, mode.arguments):
            yield f"operator_args.{name} holds a template, and Airflow renders none in this argument"
        if mode.other and self.store_folder is not None and not self._is_mounted(mode.arguments):
            yield (
                f"its artifact store is a folder of this machine: operator {mode.operator!r} must mount it "
                f"at {self.store_folder}, by arguments of its own"
            )

    def _resource_warnings(self, step: StepSpec, mode: Mode) -> Iterator[str]:
        if step.step_operator is not None:
            return
        asked = step.resource_settings.model_dump(exclude_none=True)
        asked = {name: value for name, value in asked.items() if value != 0}
        left = [name for name in asked if name not in self._enforced(step, mode)]
        if left and len(left) == len(asked) and mode.operator == PYTHON:
            yield NOT_ENFORCED
        elif left:
            is_ = "is" if len(left) == 1 else "are"
            yield f"{' and '.join(left)} of its resources {is_} not enforced by operator {mode.operator!r}"

    def _enforced(self, step: StepSpec, mode: Mode) -> frozenset[str]:
        if mode.operator == KUBERNETES:
            return frozenset(type(step.resource_settings).model_fields)
        if mode.operator == DOCKER:
            return frozenset(type(step.resource_settings).model_fields) - {*_NOT_BY_DOCKER}
        pool = resource_pool(step, mode, self.config)
        return frozenset({pool.of} if pool else ())

    def _local_image(self, modes: Iterable[tuple[StepSpec, Mode]]) -> Iterator[str]:
        registry = self.stack.container_registry
        if registry is not None and registry.flavor != _LOCAL_REGISTRY:
            return
        built = [
            step.name
            for step, mode in modes
            if mode.operator == KUBERNETES and not step.docker_settings.skip_build
        ]
        if built:
            yield (
                f"the stack has no container registry, so the image of {_steps(built)} stays in the Docker "
                "engine that builds it, and each node of the cluster must have it already; add a registry by "
                "`pipes container-registry register`"
            )


def _memory_problems(step: StepSpec, mode: Mode) -> Iterator[str]:
    asked = step.resource_settings.memory
    if mode.operator not in (DOCKER, KUBERNETES) or not asked:
        return
    if 0 < memory_bytes(asked) < _LEAST_MEMORY:
        yield (
            f"resources, memory: {asked!r} is less than the 6MiB that a container needs to start; "
            "give it more, with its unit, as '512MB'"
        )


def _mount_path(mount: Any) -> str | None:
    named = [mount[key] for key in _MOUNT_PATHS if key in mount] if isinstance(mount, Mapping) else []
    return named[0] if named and isinstance(named[0], str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_kubernetes_secret(text: str) -> bool:
    try:
        return parse_secret(text).source == "kubernetes-secret"
    except ValueError:
        return False  # told where docker settings are checked


def _steps(names: Sequence[str]) -> str:
    return f"{'step' if len(names) == 1 else 'steps'} {', '.join(map(repr, names))}"
