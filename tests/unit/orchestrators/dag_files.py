"""Deployments to render, and what every generated file must pass."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from airflow_provider_pipes.models.deployment import (
    CodeSpec,
    ParameterSpec,
    PipelineConfig,
    PipelineDeployment,
    StackSpec,
    StepSpec,
)

RUFF = Path(sys.executable).with_name("ruff")

NASTY = (
    "{{ 7*7 }}", "{% for %}", "{# x #}", '"', "'", '"""', "'''", "\\", "\n", "\r\n", "\r", "\t", "\0",
    "\x1b[31m", "# noqa", "# fmt: off", "# coding: latin-1", "f{x}", "%s", "$(SECRET)", "`id`",
    ");import os;os.abort()#", ".md", ".sh", "\u202e", "\ufeff", "\ud800", "\udfff", "é", "漢字", "🚀",
    "\U000e0001", "\u2028", "\x85", "word " * 20, "\\N{BULLET}",
)  # fmt: skip
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=120),
    st.lists(st.sampled_from(NASTY), max_size=8).map("".join),
)
# What a deployment can hold: its models refuse half of a surrogate pair.
whole_texts = texts.map(lambda text: text.encode(errors="replace").decode())
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))


def json_values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts),
        lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(whole_texts, inner, max_size=6)),
        max_leaves=12,
    )


airflow_names = st.from_regex(r"[\w.-]{1,60}", fullmatch=True)


def step(name: str, *upstream: str, **fields: Any) -> StepSpec:
    return StepSpec(name=name, source="m:f", code_hash="0" * 64, upstream=upstream, **fields)


def parameter(name: str, default: Any = None, /, **schema: Any) -> ParameterSpec:
    return ParameterSpec(name=name, json_schema=schema, default=default)


def deployment(steps: Sequence[StepSpec] = (), **pipeline: Any) -> PipelineDeployment:
    settings = {"name": "digits", "source": "digits:digits_pipeline", **pipeline}
    return PipelineDeployment(
        pipeline=PipelineConfig(**settings),
        step_specs=tuple(steps),
        code=CodeSpec(hash="0" * 64),
        stack=StackSpec(name="default"),
    )


def assert_ruff_leaves_alone(text: str) -> None:
    for command in (["check"], ["format", "--check"]):
        arguments = [str(RUFF), *command, "--isolated", "--no-cache", "--stdin-filename", "dag.py", "-"]
        run = subprocess.run(arguments, input=text.encode(), capture_output=True, check=False)
        assert run.returncode == 0, run.stdout.decode() + run.stderr.decode() + text


def dag_keywords(text: str) -> Mapping[str, ast.expr]:
    block = next(node for node in ast.parse(text).body if isinstance(node, ast.With))
    return keywords(block.items[0].context_expr)


def task_keywords(text: str) -> list[Mapping[str, ast.expr]]:
    block = next(node for node in ast.parse(text).body if isinstance(node, ast.With))
    return [keywords(node.value) for node in block.body if isinstance(node, ast.Assign)]


def keywords(call: ast.expr) -> Mapping[str, ast.expr]:
    assert isinstance(call, ast.Call)
    return {each.arg or "": each.value for each in call.keywords}


def value(expression: ast.expr) -> Any:
    return ast.literal_eval(expression)
