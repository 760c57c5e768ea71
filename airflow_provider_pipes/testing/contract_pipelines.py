"""The pipelines that contract suites run, as modules of a user's project."""

from __future__ import annotations

RETRIES = 2
"""Retries of the steps that may end in several ways."""

STEP_OPERATOR_PIPELINES = f"""
import os
import sys
import time

from airflow_provider_pipes import FailWithoutRetry, SkipStep, pipeline, step
from airflow_provider_pipes.errors import StoreUnreachableError

ENDS = {{
    "fail": ValueError("the step of the contract failed"),
    "skip": SkipStep("the step of the contract asked to be skipped"),
    "refuse": FailWithoutRetry("the step of the contract asked for no retry"),
    "unreachable": StoreUnreachableError("the step of the contract found no store"),
}}


@step(cache=False)
def source() -> dict:
    return {{"numbers": [1, 2.5, None], "text": "é"}}


@step(cache=False, step_operator="contract")
def report(data: dict, text: str) -> dict:
    time.sleep(0.5)  # a launch that does not wait is over before
    return {{
        "data": data,
        "text": text,
        "arguments": sys.orig_argv,
        "prepared": os.environ.get("CONTRACT_PREPARED"),
    }}


@step(cache=False, step_operator="contract")
def end(how: str) -> None:
    raise ENDS[how]


@pipeline
def reporting(text: str = ""):
    report(source(), text)


@pipeline
def ending(how: str):
    end(how)


@pipeline
def ending_with_retries(how: str):
    end.with_options(retries={RETRIES})(how)
"""
"""Steps that a step operator launches, and what they end like."""

ORCHESTRATOR_PIPELINES = """
import os

from airflow_provider_pipes import SkipStep, get_step_context, pipeline, step


@step(cache=False)
def first(text: str) -> dict:
    return {"text": text, "numbers": [1]}


@step(cache=False)
def second(data: dict, fail: bool) -> dict:
    if fail:
        raise ValueError("the second step of the contract failed")
    return {**data, "numbers": [*data["numbers"], 2]}


@step(cache=False)
def third(data: dict) -> dict:
    return {**data, "numbers": [*data["numbers"], 3]}


@step
def costly(n: int) -> int:
    return n + 1


@step(cache=False, retries=1)
def flaky() -> int:
    if get_step_context().attempt == 1:
        raise ValueError("the first attempt fails")
    return get_step_context().attempt


@step(cache=False)
def skips() -> int:
    raise SkipStep("nothing to do")


@step(cache=False)
def after(n: int) -> int:
    return n


@step(cache=False, step_operator="child")
def elsewhere() -> int:
    return os.getpid()


@pipeline
def chain(text: str = "", fail: bool = False):
    third(second(first(text), fail))


@pipeline
def cached(n: int = 1):
    costly(costly(n))


@pipeline
def tries():
    flaky()


@pipeline
def skipping():
    after(skips())


@pipeline
def operated():
    elsewhere()
"""
"""Chains, failures, skips and retries for an orchestrator."""
