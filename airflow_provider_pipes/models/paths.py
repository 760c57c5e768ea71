"""Where things are in an artifact store; every path is relative and POSIX."""

from __future__ import annotations

from airflow_provider_pipes.models.names import path_segment


def deployment_path(deployment_id: str) -> str:
    """Return where a deployment document is."""
    return f"deployments/{deployment_id}.json"


def code_path(code_hash: str) -> str:
    """Return where a code snapshot is."""
    return f"code/{code_hash}.zip"


def cache_path(key: str) -> str:
    """Return where the cache names the step run that a key belongs to."""
    return f"cache/{key[:2]}/{key}.json"


def pipeline_folder(pipeline: str) -> str:
    """Return the folder of a pipeline's runs."""
    return f"runs/{path_segment(pipeline)}"


def run_folder(pipeline: str, run_name: str) -> str:
    """Return the folder of a run."""
    return f"{pipeline_folder(pipeline)}/{path_segment(run_name)}"


def step_run_folder(pipeline: str, run_name: str, step: str, token: str) -> str:
    """Return the folder of one token of a step run."""
    return f"{run_folder(pipeline, run_name)}/{path_segment(step)}/{token}"


def execution_info_path(prefix: str, attempt: int) -> str:
    """Return where the execution info of an attempt is; ``prefix`` is its token's folder."""
    return f"{prefix}/execution-info-{attempt}.json"


def split_execution_info_uri(uri: str) -> tuple[str, str]:
    """Return the store's address and the path in it, from the whole address of an execution info.

    The layout has a fixed depth, and every segment is a safe one, so the store ends six segments
    before the end.

    Raises:
        ValueError: the address is too short to be one.
    """
    parts = uri.split("/")
    if len(parts) < 7 or parts[-6] != "runs":
        raise ValueError(f"{uri!r} is no address of an execution info (…/runs/PIPELINE/RUN/STEP/TOKEN/FILE)")
    return "/".join(parts[:-6]) or "/", "/".join(parts[-6:])
