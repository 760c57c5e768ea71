"""What goes wrong between a worker and a Docker engine, each told in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_pipes.entrypoints.exit_codes import exit_meaning
from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.models.images import server_of

if TYPE_CHECKING:
    from docker.errors import APIError

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.docker import StepDockerOperator

_MEGABYTE, _MEBIBYTE = 1_000_000, 1024**2
_MISSING_FOLDER = re.compile(r"bind source path does not exist: (?P<path>.*\S)")
# To ask for a reason, after somebody has waited for an answer as long as the user allows.
_REASON_SECONDS = 5


@dataclass(frozen=True)
class ContainerEnd:
    """How a container ended, as its engine tells it.

    Attributes:
        exit_code: What its command exited with.
        out_of_memory: Whether the kernel ended one of its processes for memory.
        memory_limit: Bytes that it might use; 0 for no limit.
        said: What the engine says went wrong, if anything.
    """

    exit_code: int
    out_of_memory: bool = False
    memory_limit: int = 0
    said: str = ""

    @classmethod
    def of(cls, inspected: dict[str, Any]) -> ContainerEnd:
        """Read it from what the engine tells of a container."""
        state, host_config = inspected["State"], inspected.get("HostConfig") or {}
        return cls(
            exit_code=int(state["ExitCode"]),
            out_of_memory=bool(state.get("OOMKilled")),
            memory_limit=int(host_config.get("Memory") or 0),
            said=str(state.get("Error") or ""),
        )

    @property
    def from_outside(self) -> bool:
        """Whether a signal from outside ended it: SIGTERM or SIGKILL, and not for memory."""
        return self.exit_code in (137, 143) and not self.out_of_memory


@contextmanager
def engine_errors(operator: StepDockerOperator, job: ContainerJob) -> Iterator[None]:
    """Turn what the engine, or the way to it, raises into one sentence."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except APIError as error:
        raise ContainerError(f"step {job.step!r}: {_refusal(operator, job, engine_says(error))}") from None
    except (DockerException, RequestException) as error:
        raise unreachable(operator, job, error) from None


def unreachable(
    operator: StepDockerOperator, job: ContainerJob, error: Exception | None = None
) -> ContainerError:
    """Return the error for an engine that does not answer.

    Args:
        operator: The task's operator.
        job: The step.
        error: What its client raised; None where nobody kept that, as the stock hook, which asks several.
    """
    from airflow_provider_pipes.images.engine_silence import silence_of, silence_remedy

    if error is None:
        reasons = {url: _reason(operator, url) for url in _urls(operator)}
    else:
        reasons = {_address(operator): silence_of(error)}
    where = ", nor at ".join(f"{url} ({reason})" for url, reason in reasons.items())
    remedies = dict.fromkeys(silence_remedy(url, reason) for url, reason in reasons.items())
    return ContainerError(f"step {job.step!r}: no Docker engine answers at {where}; {'; '.join(remedies)}")


def _reason(operator: StepDockerOperator, url: str) -> str:
    """Ask an engine once more, by itself, to learn why it does not answer."""
    from airflow_provider_pipes.images.engine_silence import engine_answer

    certificates = operator.tls_ca_cert, operator.tls_client_cert, operator.tls_client_key
    seconds = min(operator.timeout, _REASON_SECONDS)
    return engine_answer(url, certificates, operator.tls_verify, seconds)[1] or "it answers by now"


def incomplete_login(operator: StepDockerOperator, job: ContainerJob, error: Exception) -> ContainerError:
    """Return the error for a connection that is not there, or has no login."""
    return ContainerError(
        f"step {job.step!r}: there is no usable connection {operator.docker_conn_id!r} "
        f"({str(error).rstrip('.')}); docker_conn_id names an Airflow connection of type docker with the "
        "registry as host, a login and a password: add it, or correct docker_conn_id"
    )


def login_refused(operator: StepDockerOperator, job: ContainerJob, error: APIError) -> ContainerError:
    """Return the error for a registry that does not take the connection's login."""
    return ContainerError(
        f"step {job.step!r}: the registry of connection {operator.docker_conn_id!r} refused its login: "
        f"{engine_says(error)}; correct the connection's login and password"
    )


def not_pulled(job: ContainerJob, image: str, said: str) -> ContainerError:
    """Return the error for an image that the engine can't pull."""
    if job.image_built and image == job.image and not server_of(image):
        # What a public registry says of it would lead astray: it was never there.
        return ContainerError(
            f"step {job.step!r}: image {image!r}, which `pipes deploy` built, is not on the Docker engine "
            "that this worker uses; run `pipes deploy` again, on an engine that these workers use, or add a "
            "container registry to the stack: `pipes container-registry register`"
        )
    return ContainerError(
        f"step {job.step!r}: image {image!r} is not on the Docker engine and can't be pulled: {said}; check "
        "its name and tag, that the engine reaches its registry, and the login in docker_conn_id"
    )


def ended_badly(job: ContainerJob, end: ContainerEnd, last_line: str = "") -> ContainerError:
    """Return the error for a container that did not exit with 0."""
    said = f"; its last line: {job.secrets.masked(last_line)}" if last_line else ""
    meaning = _for_memory(job, end) if end.out_of_memory else exit_meaning(end.exit_code, last_line)
    if end.said and not end.out_of_memory:
        meaning += f" ({end.said})"
    error = ContainerError(
        f"step {job.step!r}: its Docker container exited with {end.exit_code}: {meaning}{said}"
    )
    error.job_exit_code = end.exit_code
    return error


def _for_memory(job: ContainerJob, end: ContainerEnd) -> str:
    killed = (
        "the kernel killed it for memory"
        if end.exit_code == 137
        else "one of its processes was killed for memory"
    )
    asked = job.resources.get("memory")
    if not end.memory_limit:
        return f"{killed}: it has no limit of its own, so the engine's machine ran out of memory"
    limit = _amount(end.memory_limit, binary="i" in (asked or ""))
    if asked is None:
        return f"{killed}: it may use {limit}; raise mem_limit of its operator_args"
    return (
        f"{killed}: it asked for memory={asked!r} and may use {limit}; "
        "raise it: @step(resources=ResourceSettings(memory=…))"
    )


def _amount(size: int, binary: bool) -> str:
    """Return an amount of memory, in the kind of unit that the user chose."""
    return f"{size / _MEBIBYTE:,.0f} MiB" if binary else f"{size / _MEGABYTE:,.0f} MB"


def engine_says(error: APIError) -> str:
    """Return the engine's own words."""
    said = error.explanation or error
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())


def _refusal(operator: StepDockerOperator, job: ContainerJob, said: str) -> str:
    """Return what to do about it, where that is known."""
    if "could not select device driver" in said:
        return (
            f"it asks for gpu_count={job.gpu_count}, and the Docker engine at {_address(operator)} has no "
            "driver that gives GPUs to containers; install the NVIDIA Container Toolkit on its machine and "
            f"restart Docker, or run the step elsewhere ({said})"
        )
    missing = _MISSING_FOLDER.search(said)
    if missing:
        return f"the Docker engine at {_address(operator)} has no such folder ({said}); " + _remedy(
            job, missing["path"]
        )
    if "executable file not found" in said and "PATH" in job.environment:
        return (
            f"environment={{'PATH': {job.environment['PATH']!r}}} of its docker settings leads to no "
            "`python`; leave PATH out, or give the image's own folders as well, as "
            "'/usr/local/bin:/usr/bin:/bin'"
        )
    if "executable file not found" in said:
        return (
            f"image {operator.image!r} has no `python` on its PATH ({said}); let `pipes deploy` build the "
            "image, or add Python to it"
        )
    return f"the Docker engine refused its container: {said}"


def _remedy(job: ContainerJob, missing: str) -> str:
    """Return what to do about a folder that the engine's machine has not."""
    store = PurePosixPath(job.store_folder) if job.store_folder else None
    if store is not None and store.is_relative_to(missing):
        return (
            "a local artifact store must be at the same path on the engine's machine as on the worker: share "
            "it, or use a store in a bucket"
        )
    return (
        "it is the source of one of its mounts: create it on the engine's machine, or correct operator_args"
    )


def _urls(operator: StepDockerOperator) -> list[str]:
    given = operator.docker_url
    return [given] if isinstance(given, str) else list(given)


def _address(operator: StepDockerOperator) -> str:
    return ", ".join(_urls(operator))
