from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_named
from airflow_provider_pipes.errors import ArtifactError
from tests.unit.artifacts.materializers.conftest import RoundTrip
from tests.unit.artifacts.materializers.samples import Anything, GrowsOnValidation, Inner, Outer, Point, Token

inners = st.builds(Inner, name=st.text(), score=st.floats(allow_nan=False, allow_infinity=False))
outers = st.builds(
    Outer,
    inner=inners,
    by_name=st.dictionaries(st.text(), inners, max_size=3),
    when=st.none() | st.datetimes().map(lambda each: each.replace(fold=0)),
    Aliased=st.integers(-(2**80), 2**80),
    more=st.lists(st.text() | st.none()),
)


def state(model: Any) -> Any:
    if isinstance(model, pydantic.BaseModel):
        parts = (model.__dict__, model.__pydantic_extra__, model.__pydantic_private__)
        return type(model), model.__pydantic_fields_set__, *map(state, parts)
    if isinstance(model, dict):
        return {key: state(each) for key, each in model.items()}
    return type(model), model


@given(value=outers)
def test_models_come_back_with_what_was_set_and_what_was_not(value: Outer, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "pydantic"
    assert state(back) == state(value)


def test_a_fixed_offset_is_kept(round_trip: RoundTrip) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    value = Outer(inner=Inner(name="x"), when=datetime.datetime(2026, 1, 1, tzinfo=zone))
    name, back = round_trip(value)
    assert name == "pydantic"
    assert back == value
    assert back.when.utcoffset() == datetime.timedelta(hours=2)


@pytest.mark.parametrize(
    "value",
    [
        Anything(value=(1, 2)),
        Anything(value={1, 2}),
        Anything(value=Path("/x")),
        Anything(value=Inner(name="derived")),
        Anything(value={1: 2}),
        Anything(value=float("nan")),
        Anything(value=b"\xff"),
        Anything(value=Point(1)),
        Outer(inner=Inner(name="x"), when=datetime.datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))),
        Outer.model_construct(inner="not valid"),  # type: ignore[arg-type]
        GrowsOnValidation(value=1),
        Token(secret=pydantic.SecretStr("s")),
    ],
    ids=repr,
)
def test_what_json_would_change_is_pickled_instead(value: Any, round_trip: RoundTrip) -> None:
    name, back = round_trip(value)
    assert name == "cloudpickle"
    assert repr(back) == repr(value)


def test_a_class_inside_a_function_is_left_to_cloudpickle() -> None:
    class Hidden(pydantic.BaseModel):
        x: int = 0

    assert materializer_for(Hidden()).name == "cloudpickle"


def test_the_file_is_the_models_own_json(tmp_path: Path) -> None:
    value = Outer(inner=Inner(name="é"), Aliased=3)
    materializer_for(value).save(value, tmp_path)
    assert json.loads((tmp_path / "model.json").read_bytes()) == {"inner": {"name": "é"}, "Aliased": 3}


def test_a_class_that_is_no_model_any_more_is_a_clear_error(tmp_path: Path) -> None:
    materializer_named("pydantic").save(Inner(name="x"), tmp_path)
    (tmp_path / "class.json").write_text('"json:JSONDecoder"')
    with pytest.raises(ArtifactError, match="was a pydantic model when the artifact was stored"):
        materializer_named("pydantic").load(tmp_path, None)


def test_a_secret_does_not_show_in_a_preview() -> None:
    value = Token(secret=pydantic.SecretStr("hunter2"))
    assert "hunter2" not in materializer_for(value).preview(value)
