"""Arguments of the Kubernetes operator, written as in a manifest, as the models that it works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.providers.cncf.kubernetes.secret import Secret
from kubernetes.client import ApiClient, Configuration, V1LocalObjectReference  # noqa: TID253 - no DAG file imports this

from airflow_provider_pipes.errors import ConfigurationError

if TYPE_CHECKING:
    from kubernetes.client import V1Pod, V1Volume

    from airflow_provider_pipes.operators.kubernetes import StepKubernetesPodOperator

# Where a manifest has what an argument says: in the pod's spec, or in that of its container.
_IN_POD = {
    "volumes": "volumes",
    "init_containers": "initContainers",
    "host_aliases": "hostAliases",
    "dns_config": "dnsConfig",
    "security_context": "securityContext",
    "image_pull_secrets": "imagePullSecrets",
}
_IN_CONTAINER = {
    "volume_mounts": "volumeMounts",
    "env_vars": "env",
    "env_from": "envFrom",
    "container_resources": "resources",
    "container_security_context": "securityContext",
    "ports": "ports",
    "pod_runtime_info_envs": "env",
}
# The stock operator takes these when it is made, and keeps what they were.
_ONLY_WHEN_MADE = ("ports", "pod_runtime_info_envs")


@contextmanager
def problems_of_step(step: str) -> Iterator[None]:
    """Let what is wrong with arguments be told with the step that has them.

    Raises:
        ConfigurationError: something is.
    """
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"step {step!r}, {error}") from None


def take_plain_arguments(operator: StepKubernetesPodOperator) -> None:
    """Replace what was given to an operator as plain JSON by Kubernetes models.

    Raises:
        ConfigurationError: Kubernetes knows no such thing.
    """
    for name in (*_IN_POD, *_IN_CONTAINER):
        value = getattr(operator, name, None)
        if value and name not in _ONLY_WHEN_MADE and not _is_variables(name, value):
            setattr(operator, name, models_of(name, value))
    if isinstance(operator.full_pod_spec, Mapping):
        operator.full_pod_spec = pod_of(operator.full_pod_spec, "full_pod_spec")
    operator.secrets = [
        Secret(**each) if isinstance(each, Mapping) else each for each in operator.secrets or ()
    ]


def _is_variables(name: str, value: Any) -> bool:
    # Variables by name are what the stock operator takes as they are.
    return name == "env_vars" and isinstance(value, Mapping)


def models_of(name: str, value: Any) -> Any:
    """Return an argument of the operator with models in the place of plain JSON.

    Raises:
        ConfigurationError: Kubernetes knows no such thing.
    """
    if isinstance(value, (list, tuple)):
        return [_item(name, each) for each in value]
    return _model(name, value) if isinstance(value, Mapping) else value


def _item(name: str, value: Any) -> Any:
    if name == "image_pull_secrets" and isinstance(value, str):
        return V1LocalObjectReference(name=value)
    return _model(name, [value])[0] if isinstance(value, Mapping) else value


def _model(name: str, value: Any) -> Any:
    container: dict[str, Any] = {"name": "base"}
    spec: dict[str, Any] = {"containers": [container]}
    if name in _IN_POD:
        spec[_IN_POD[name]] = value
    else:
        container[_IN_CONTAINER[name]] = value
    made = pod_of({"spec": spec}, name).spec
    return getattr(made, name) if name in _IN_POD else getattr(made.containers[0], _attribute(name))


def _attribute(name: str) -> str:
    return {
        "env_vars": "env",
        "pod_runtime_info_envs": "env",
        "container_resources": "resources",
        "container_security_context": "security_context",
    }.get(name, name)


def volume_of(name: str, source: Mapping[str, Any]) -> V1Volume:
    """Return the volume of a source as ``{"hostPath": {"path": "/data"}}``.

    Raises:
        ConfigurationError: Kubernetes knows no such source.
    """
    return _model("volumes", [{"name": name, **source}])[0]


def pod_of_file(path: str) -> V1Pod:
    """Return the pod of a file with its manifest.

    Raises:
        ConfigurationError: there is no such file here, or it holds no pod.
    """
    import yaml  # type: ignore[import-untyped]

    try:
        manifest = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"operator argument pod_template_file: {path!r} can't be read on this worker, where the task "
            f"needs it: {error}"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else path
        what = getattr(error, "problem", None) or error
        raise ConfigurationError(f"operator argument pod_template_file: {where}: {what}") from None
    if not isinstance(manifest, Mapping):
        raise ConfigurationError(
            f"operator argument pod_template_file: {path}: expected the manifest of a pod, got "
            f"{'nothing' if manifest is None else type(manifest).__name__}"
        )
    return pod_of(manifest, f"pod_template_file ({path})")


def pod_of(manifest: Mapping[str, Any], argument: str) -> V1Pod:
    """Return the pod of a manifest.

    Args:
        manifest: As in YAML.
        argument: What said it, for messages.

    Raises:
        ConfigurationError: it has what Kubernetes does not know.
    """
    try:
        pod = PodGenerator.deserialize_model_dict(dict(manifest))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"operator argument {argument}: {error}") from None
    understood = ApiClient(configuration=Configuration()).sanitize_for_serialization(pod)
    lost = sorted(set(_lost(manifest, understood)))
    if lost:
        raise ConfigurationError(
            f"operator argument {argument}: Kubernetes has no {', '.join(map(repr, lost))} there; write it "
            "as in a manifest, as 'claimName'"
        )
    return pod


def _lost(given: Any, understood: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        for key, value in given.items():
            if value is None:
                continue
            if not isinstance(understood, Mapping) or key not in understood:
                yield str(key)
            else:
                yield from _lost(value, understood[key])
    elif isinstance(given, (list, tuple)) and isinstance(understood, list):
        for each, found in zip(given, understood, strict=False):
            yield from _lost(each, found)
