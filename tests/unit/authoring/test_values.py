from __future__ import annotations

import copy
import inspect
import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes import step
from airflow_provider_pipes.authoring.tracing import tracing
from airflow_provider_pipes.authoring.values import ParameterValue, user_location
from airflow_provider_pipes.errors import PipelineBodyError


def _unpack(value: Any) -> None:
    _, _ = value


def _loop(value: Any) -> None:
    for _ in value:
        pass


def _with(value: Any) -> None:
    with value:
        pass


def _assign(value: Any) -> None:
    value.column = 1


def _delete_item(value: Any) -> None:
    del value["a"]


def _augment(value: Any) -> None:
    value += 1


def _drive(coroutine: Any) -> None:
    coroutine.send(None)


async def _await(value: Any) -> None:
    await value


USES: dict[str, Callable[[Any], object]] = {
    "truth": bool,
    "not": operator.not_,
    "and": lambda value: value and 1,
    "loop": _loop,
    "unpack": _unpack,
    "star": lambda value: [*value],
    "double star": lambda value: dict(**value),
    "len": len,
    "in": lambda value: 1 in value,
    "among": lambda value: value in [1, 2],
    "item": lambda value: value[0],
    "slice": lambda value: value[1:],
    "set item": lambda value: operator.setitem(value, 0, 1),
    "delete item": _delete_item,
    "next": next,
    "reversed": reversed,
    "sorted": sorted,
    "equal": lambda value: value == 1,
    "not equal": lambda value: value != 1,
    "less": lambda value: value < 1,
    "greater, from the right": lambda value: operator.gt(1, value),
    "max": lambda value: max(value, 3),
    "int": int,
    "float": float,
    "complex": complex,
    "index": lambda value: [1, 2][value],
    "range": range,
    "round": lambda value: round(value, 2),
    "floor": math.floor,
    "abs": abs,
    "negative": operator.neg,
    "str": str,
    "format": lambda value: f"{value}",
    "format with a spec": lambda value: f"{value:.2f}",
    "join": lambda value: "".join(value),
    "percent": lambda value: operator.mod("%s", value),
    "bytes": bytes,
    "path": Path,
    "open": open,
    "add": lambda value: value + 1,
    "add, from the right": lambda value: 1 + value,
    "augmented": _augment,
    "divide": lambda value: 1 / value,
    "power": lambda value: 2**value,
    "matrix": lambda value: value @ value,
    "or": lambda value: value | {},
    "call": lambda value: value(1, key=2),
    "method": lambda value: value.head(),
    "attribute": lambda value: value.shape,
    "an attribute of pandas, and once ours": lambda value: value.describe(),
    "a name that was ours": lambda value: (value.name, value.call, value.output, value.pipeline),
    "set attribute": _assign,
    "with": _with,
    "await": lambda value: _drive(_await(value)),
}


@step
def load() -> int:
    return 1


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("kind", ["parameter", "output"])
def test_a_placeholder_used_as_a_value_is_an_error(use: Callable[[Any], object], kind: str) -> None:
    with tracing():
        value = ParameterValue("training", "lr") if kind == "parameter" else load()
    named = "parameter 'lr' of pipeline 'training'" if kind == "parameter" else "the result of step 'load'"
    with pytest.raises(PipelineBodyError, match="pass it to a step and decide or compute there") as caught:
        use(value)
    assert str(caught.value).startswith(
        f"{named} has no value while the pipeline is compiled, and {__file__}:"
    )


def test_the_error_names_the_line_that_used_the_value() -> None:
    with pytest.raises(PipelineBodyError) as caught:
        bool(ParameterValue("p", "lr"))
    line = inspect.getsourcelines(test_the_error_names_the_line_that_used_the_value)[1] + 2
    assert f"{__file__}:{line} asks for its truth" in str(caught.value)


def test_a_placeholder_can_be_kept_shown_and_copied() -> None:
    value = ParameterValue("p", "lr")
    assert {value: 1}[value] == 1
    assert repr([value]) == "[<parameter 'lr' of pipeline 'p'>]"
    assert copy.copy(value) is value
    assert copy.deepcopy({"a": [value]})["a"][0] is value


def test_a_folder_whose_name_begins_like_the_packages_is_the_users() -> None:
    import airflow_provider_pipes

    ours = Path(airflow_provider_pipes.__file__).parent
    namespace: dict[str, Any] = {"user_location": user_location}
    file = f"{ours}_demo/pipeline.py"
    exec(compile("def where():\n    return user_location()\n", file, "exec"), namespace)
    assert str(namespace["where"]()) == f"{file}:2"
