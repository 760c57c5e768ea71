"""Check of the Docker engines that steps run on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.configuration import edit_command
from airflow_provider_pipes.diagnosis.findings import Observation, ok, problem

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.container_use import Place
    from airflow_provider_pipes.diagnosis.examination import Examination

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
_SECONDS = 4
_INSTALL = "pip install apache-airflow-providers-docker"


def check_docker_engines(examination: Examination) -> Iterator[Observation]:
    """Whether the Docker engines answer that steps run on; nothing where none is used."""
    for place in examination.container_use.docker:
        yield _engine(examination, place)


def _engine(examination: Examination, place: Place) -> Observation:
    try:
        import docker  # noqa: F401
    except ImportError:
        return problem(f"{place.whose} run in Docker, and its client is not installed here", _INSTALL)
    given = place.arguments.get("docker_url") or os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE
    reasons: dict[str, str] = {}
    for url in [given] if isinstance(given, str) else given:
        version, reason = _asked(url, place)
        if version:
            return ok(f"Docker {version} at {url} answers here, for {place.whose}; workers need it, too")
        reasons[url] = reason
    where = ", nor at ".join(f"{url} ({reason})" for url, reason in reasons.items())
    url, reason = next(iter(reasons.items()))
    return problem(
        f"no Docker engine answers at {where}, for {place.whose}", engine_fix(examination, url, reason)
    )


def _asked(url: str, place: Place) -> tuple[str, str]:
    """Return the engine's version, or why there is none."""
    from airflow_provider_pipes.images.engine_silence import engine_answer

    authority, certificate, key = (
        place.arguments.get(f"tls_{name}") for name in ("ca_cert", "client_cert", "client_key")
    )
    verify = place.arguments.get("tls_verify", True)
    return engine_answer(url, (authority, certificate, key), verify, _SECONDS)


def engine_fix(examination: Examination, url: str, reason: str) -> str:
    """Return what to do about an engine that does not answer.

    Args:
        examination: What is looked at.
        url: Its address.
        reason: Why, in the system's words.
    """
    if "Permission denied" in reason:
        return 'sudo usermod -aG docker "$USER" && newgrp docker'
    if url == DEFAULT_ENGINE or url == "unix://var/run/docker.sock":
        return "sudo systemctl start docker"
    host = url.rpartition("://")[2]
    if url.startswith("tcp://") and reason in ("Connection refused", "no answer in time"):
        return f"curl -i --max-time 5 {shlex.quote(f'http://{host}/_ping')}"
    return edit_command(examination)
