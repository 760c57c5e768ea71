from __future__ import annotations

import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl

from airflow_provider_pipes.registration.options import given_options, typed_values
from airflow_provider_pipes.stack.config import StackComponentConfig


class Colour(Enum):
    RED = "red"


class Limits(BaseModel):
    cpu: int


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


class Config(StackComponentConfig):
    name: str = ""
    count: int = 0
    share: float | None = None
    on: bool = False
    no_wait: bool = False
    nodes: tuple[str, ...] = ()
    ports: list[int] = Field(default=[])
    pairs: list[list[int]] = Field(default=[])
    unique: frozenset[int] = frozenset()
    labels: dict[str, str] = Field(default={})
    limits: Limits | None = None
    mode: Literal["fast", "slow", 3] = "fast"
    workers: int | Literal["auto"] = "auto"
    either: int | str = 0
    colour: Colour = Colour.RED
    path: Path = Path()
    url: HttpUrl | None = None
    day: datetime.date | None = None
    wait: datetime.timedelta | None = None
    even: Annotated[int, AfterValidator(_even)] = 0
    anything: Any = None
    aliased: str = Field(default="", alias="class")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("--name 5", {"name": "5"}),
        ("--name=a=b", {"name": "a=b"}),
        ("--name=", {"name": ""}),
        ("--name true", {"name": "true"}),
        ('--name "quoted"', {"name": '"quoted"'}),
        ("--count 5", {"count": 5}),
        ("--count -5", {"count": -5}),
        ("--count five", {"count": "five"}),
        ("--count 1.5", {"count": "1.5"}),
        ("--share 1", {"share": 1}),
        ("--share 1e-3", {"share": 0.001}),
        ("--share null", {"share": "null"}),
        ("--on", {"on": True}),
        ("--on true", {"on": True}),
        ("--on=True", {"on": True}),
        ("--on no", {"on": False}),
        ("--no-on", {"on": False}),
        ("--no-wait", {"no_wait": True}),
        ("--on maybe", {"on": "maybe"}),
        ("--nodes a", {"nodes": ["a"]}),
        ("--nodes a --nodes b", {"nodes": ["a", "b"]}),
        ("--nodes 1 --nodes 2", {"nodes": ["1", "2"]}),
        ('--nodes ["a","b"]', {"nodes": ["a", "b"]}),
        ("--nodes []", {"nodes": []}),
        ("--ports 1", {"ports": [1]}),
        ("--ports 1 --ports 2", {"ports": [1, 2]}),
        ("--pairs [1,2] --pairs [3]", {"pairs": [[1, 2], [3]]}),
        ("--unique 1 --unique 2", {"unique": [1, 2]}),
        ('--labels {"a":"b"}', {"labels": {"a": "b"}}),
        ("--labels {a='b'}", {"labels": {"a": "b"}}),
        ('--limits {"cpu":2}', {"limits": {"cpu": 2}}),
        ('--limits {"cpu":"x"}', {"limits": {"cpu": "x"}}),
        ("--mode fast", {"mode": "fast"}),
        ("--mode 3", {"mode": 3}),
        ("--workers auto", {"workers": "auto"}),
        ("--workers 4", {"workers": 4}),
        ("--either 4", {"either": "4"}),
        ("--colour red", {"colour": "red"}),
        ("--path a/b", {"path": "a/b"}),
        ("--url http://x", {"url": "http://x"}),
        ("--day 2024-02-01", {"day": "2024-02-01"}),
        ("--wait PT5M", {"wait": "PT5M"}),
        ("--even 3", {"even": "3"}),
        ("--even 4", {"even": 4}),
        ("--anything x", {"anything": "x"}),
        ("--class x", {"class": "x"}),
        ("--no_wait --count 3", {"no_wait": True, "count": 3}),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(words: str, values: dict[str, Any]) -> None:
    given, problems = given_options(words.split())
    assert not problems
    found, problems = typed_values(given, Config)
    assert not problems
    assert found == values
    assert [type(each) for each in found.values()] == [type(each) for each in values.values()]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            "--cuont 1",
            r"--cuont: there is no such field \(did you mean '--count'\?\); known: --name, --count",
        ),
        ("--no-wiat", r"--no-wiat: there is no such field \(did you mean '--no-wait'\?\)"),
        ("--name", r"--name: give it a value: --name VALUE"),
        ("--name --on", r"--name: give it a value"),
    ],
)
def test_an_option_that_means_nothing_is_told(words: str, says: str) -> None:
    given, _ = given_options(words.split())
    with pytest.raises(AssertionError, match=says):
        assert typed_values(given, Config)[1] == []


def test_words_that_are_no_options_are_told() -> None:
    given, problems = given_options(["a", "-k", "--", "--name", "x"])
    assert given == {"name": ["x"]}
    assert [each.split()[0] for each in problems] == ["'a'", "'-k'", "'--'"]


def test_a_configuration_may_take_any_field() -> None:
    class Open(StackComponentConfig):
        model_config = ConfigDict(extra="allow")

    assert typed_values({"some_thing": ["1"]}, Open) == ({"some_thing": "1"}, [])
