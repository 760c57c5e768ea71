"""Check of the Kubernetes clusters that steps run on, and of what this account may do there."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.diagnosis.configuration import edit_command
from airflow_provider_pipes.diagnosis.findings import (
    NotCheckableError,
    Observation,
    not_checked,
    ok,
    problem,
    warning,
)
from airflow_provider_pipes.errors import ConfigurationError, message_of

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from airflow_provider_pipes.diagnosis.container_use import Place
    from airflow_provider_pipes.diagnosis.examination import Examination

_SECONDS = 3
_INSTALL = "pip install apache-airflow-providers-cncf-kubernetes"
_DEFAULT_CONNECTION = "kubernetes_default"
_PODS = tuple(("pods", verb) for verb in ("create", "get", "list", "patch", "delete"))
_NEEDED = (*_PODS, ("pods/log", "get"))
_WANTED = (("secrets", "create"), ("secrets", "patch"), ("secrets", "delete"), ("events", "list"))
_ROLE = "pipes-worker"
_NAME_CONFIG = "export KUBECONFIG=/path/to/kubeconfig"


def check_kubernetes(examination: Examination) -> Iterator[Observation]:
    """Whether the clusters answer that steps run on, and let us run pods; nothing where none is used."""
    for place in examination.container_use.kubernetes:
        yield from _cluster(examination, place)


@dataclass(frozen=True)
class _Access:
    """A way to a cluster.

    Attributes:
        options: What gives `kubectl` the same.
    """

    client: ApiClient
    namespace: str
    options: str

    @property
    def host(self) -> str:
        return str(self.client.configuration.host)


def _cluster(examination: Examination, place: Place) -> Iterator[Observation]:
    try:
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError
    except ImportError:
        yield problem(f"{place.whose} run in Kubernetes, and its client is not installed here", _INSTALL)
        return
    try:
        access = _access(place.arguments)
    except NotCheckableError as error:
        yield not_checked(error.why, error.fix)
        return
    except (ConfigException, OSError, ValueError) as error:
        seen = f"no access to Kubernetes here, for {place.whose}: {message_of(error)}"
        chosen = place.arguments.keys() & {"config_file", "kubernetes_conn_id", "cluster_context"}
        yield problem(seen, edit_command(examination) if chosen else _NAME_CONFIG)
        return
    try:
        yield from _allowed(access, place)
    except ApiException as error:
        yield _refused(access, place, error)
    except HTTPError as error:
        yield _silent(access, place, error)


def _access(arguments: Mapping[str, Any]) -> _Access:
    """Return the way to a cluster that the stock operator would take.

    Raises:
        NotCheckableError: it is not to be had here.
        ConfigException: it leads nowhere.
    """
    from kubernetes import client, config

    extra = _extra(arguments.get("kubernetes_conn_id", _DEFAULT_CONNECTION))
    configuration = client.Configuration()
    # One try each, or the time would be over before the first answer.
    configuration.retries = 0
    context = arguments.get("cluster_context") or extra.get("cluster_context")
    path = arguments.get("config_file") or extra.get("kube_config_path")
    chosen = arguments.get("in_cluster", extra.get("in_cluster"))
    if chosen is True or str(chosen).lower() == "true":
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            raise NotCheckableError("in_cluster counts inside the cluster, and here is not") from None
    elif extra.get("kube_config"):
        given = extra["kube_config"]
        document = json.loads(given) if isinstance(given, str) else given
        config.load_kube_config_from_dict(document, context=context, client_configuration=configuration)
    elif not path and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)
    else:
        config.load_kube_config(path, context=context, client_configuration=configuration)
    namespace = str(arguments.get("namespace") or extra.get("namespace") or "default")
    given_options = {"--kubeconfig": path, "--context": context, "--namespace": namespace}
    options = " ".join(f"{name} {shlex.quote(str(value))}" for name, value in given_options.items() if value)
    return _Access(client.ApiClient(configuration), namespace, options)


def _extra(connection_id: str | None) -> dict[str, Any]:
    from airflow_provider_pipes.stack.connections import EnvironmentConnections

    if connection_id is None:
        return {}
    try:
        found = EnvironmentConnections().resolve(connection_id).extra
    except ConfigurationError:
        if connection_id == _DEFAULT_CONNECTION:
            # Airflow does without it.
            return {}
        raise NotCheckableError(
            f"the variable of connection {connection_id!r} can't be read here",
            f"export AIRFLOW_CONN_{connection_id.upper()}='kubernetes://?kube_config_path=/path/to/kubeconfig'",
        ) from None
    return {name.removeprefix("extra__kubernetes__"): value for name, value in found.items()}


def _allowed(access: _Access, place: Place) -> Iterator[Observation]:
    from kubernetes.client import VersionApi

    version = VersionApi(access.client).get_code(_request_timeout=_SECONDS).git_version
    if not _has_namespace(access):
        yield problem(
            f"there is no namespace {access.namespace!r} at {access.host}, for {place.whose}",
            f"kubectl {_without_namespace(access)} create namespace {shlex.quote(access.namespace)}",
        )
        return
    missing = _missing(access, _NEEDED)
    if missing:
        seen = (
            f"at {access.host}, this account may not {_in_words(missing)} in namespace {access.namespace!r}"
        )
        yield problem(f"{seen}, which {place.whose} need", _grant(access, missing))
        return
    seen = f"{access.host} answers ({version}), and pods may be run in namespace {access.namespace!r}"
    yield ok(f"{seen}, for {place.whose}")
    wanted = _missing(access, _WANTED)
    if wanted:
        yield warning(
            f"this account may not {_in_words(wanted)} in namespace {access.namespace!r}, for secrets of "
            "steps and to tell why a pod does not start",
            _grant(access, wanted),
        )


def _has_namespace(access: _Access) -> bool:
    from kubernetes.client import ApiException, CoreV1Api

    try:
        CoreV1Api(access.client).read_namespace(access.namespace, _request_timeout=_SECONDS)
    except ApiException as error:
        if error.status != 403:  # Few may ask.
            if error.status == 404:
                return False
            raise
    return True


def _missing(access: _Access, rights: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    from kubernetes.client import AuthorizationV1Api

    api = AuthorizationV1Api(access.client)

    def may(resource: str, verb: str) -> bool:
        kind, _, below = resource.partition("/")
        asked = {"namespace": access.namespace, "verb": verb, "resource": kind, "subresource": below}
        review = api.create_self_subject_access_review(
            {"spec": {"resourceAttributes": asked}}, _request_timeout=_SECONDS
        )
        return bool(review.status.allowed)

    return [(resource, verb) for resource, verb in rights if not may(resource, verb)]


def _in_words(rights: Iterable[tuple[str, str]]) -> str:
    verbs: dict[str, list[str]] = {}
    for resource, verb in rights:
        verbs.setdefault(resource, []).append(verb)
    return " and ".join(f"{', '.join(names)} {resource}" for resource, names in verbs.items())


def _grant(access: _Access, rights: Iterable[tuple[str, str]]) -> str:
    verbs = ",".join(dict.fromkeys(verb for _, verb in rights))
    resources = ",".join(dict.fromkeys(resource for resource, _ in rights))
    role = f"{_ROLE}-{resources.partition(',')[0]}"
    return (
        f"kubectl --namespace {shlex.quote(access.namespace)} create role {role} --verb={verbs} "
        f"--resource={resources} && kubectl --namespace {shlex.quote(access.namespace)} create rolebinding "
        f"{role} --role={role} --user=ACCOUNT"
    )


def _without_namespace(access: _Access) -> str:
    return access.options.partition("--namespace")[0].strip()


def _refused(access: _Access, place: Place, error: Any) -> Observation:
    seen = f"the Kubernetes API at {access.host} refuses this account ({error.status} {error.reason})"
    return problem(f"{seen}, for {place.whose}", f"kubectl {access.options} auth can-i --list")


def _silent(access: _Access, place: Place, error: Any) -> Observation:
    from airflow_provider_pipes.images.engine_silence import silence_of

    reason = silence_of(getattr(error, "reason", None) or error)
    seen = f"no Kubernetes API answers at {access.host} ({reason}), for {place.whose}"
    return problem(seen, f"kubectl {_without_namespace(access)} cluster-info".replace("  ", " "))
