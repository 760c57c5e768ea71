"""What the Kubernetes API says, in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import KubernetesApiException
from airflow.sdk.exceptions import AirflowNotFoundException
from kubernetes.client import ApiException  # noqa: TID253 - no DAG file imports this
from kubernetes.config import ConfigException  # noqa: TID253 - no DAG file imports this
from urllib3.exceptions import HTTPError

from airflow_provider_pipes.errors import ContainerError

_ADVICE = {
    401: "its credentials are not valid, or no more; look at the operator's kubernetes_conn_id, config_file "
    "or in_cluster",
    403: "let a role allow it to the account that the worker uses",
}
# Which Kubernetes tells as if a right were missing.
_MISSING_ACCOUNT = re.compile(
    r"error looking up service account (?P<namespace>[^/\s]+)/(?P<name>[^:\s]+): serviceaccount .* not found"
)

_MISSING_NAMESPACE = re.compile(r'namespaces "(?P<name>[^"]+)" not found')


@contextmanager
def told_by_kubernetes(step: str) -> Iterator[None]:
    """Raise what the API refuses, or that it does not answer, as one sentence.

    Raises:
        ContainerError: it did.
    """
    try:
        yield
    except (ApiException, HTTPError, ConfigException, KubernetesApiException) as error:
        raise refusal(step, error) from error
    except AirflowNotFoundException as error:
        raise ContainerError(
            f"step {step!r}: this worker has no access to Kubernetes: {error}; add the connection with "
            "`airflow connections add`, or correct the operator's kubernetes_conn_id"
        ) from error


def refusal(step: str, error: Exception) -> ContainerError:
    """Return the sentence for an error of the Kubernetes client."""
    if isinstance(error, ApiException) and error.status:
        message = message_of_api(error)
        missing = _MISSING_ACCOUNT.search(message)
        if missing:
            return ContainerError(
                f"step {step!r}: there is no service account {missing['name']!r} in namespace "
                f"{missing['namespace']!r}; create it, or correct the operator argument service_account_name"
            )
        namespace = _MISSING_NAMESPACE.search(message)
        if namespace:
            return ContainerError(
                f"step {step!r}: there is no namespace {namespace['name']!r} in the cluster; create it, or "
                "correct the operator argument namespace"
            )
        advice = _ADVICE.get(int(error.status))
        said = f"step {step!r}: Kubernetes refused ({error.status} {error.reason}): {message}"
        return ContainerError(f"{said}; {advice}" if advice else said)
    if isinstance(error, ConfigException):
        return ContainerError(
            f"step {step!r}: this worker has no access to Kubernetes: {error}; set the operator's "
            "kubernetes_conn_id, config_file or in_cluster"
        )
    why = getattr(error, "reason", None) or error
    return ContainerError(
        f"step {step!r}: the Kubernetes API does not answer: {why}; a pod that runs goes on, and the next "
        "attempt finds it"
    )


def message_of_api(error: ApiException) -> str:
    """Return the API's own words for an error."""
    try:
        answer: Any = json.loads(error.body)
        return str(answer["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body or error.reason)
