from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_named
from airflow_provider_pipes.errors import ArtifactError
from tests.unit.artifacts.materializers.conftest import RoundTrip
from tests.unit.artifacts.materializers.samples import Colour, RaisesOnRepr, Temperature


@pytest.mark.parametrize("value", [{1, 2}, (1, "a"), Colour.RED, Temperature(3), range(4), 3j, Ellipsis])
def test_anything_that_can_be_pickled_comes_back(value: Any, round_trip: RoundTrip) -> None:
    assert round_trip(value) == ("cloudpickle", value)


def test_a_function_with_its_surroundings_comes_back(round_trip: RoundTrip) -> None:
    factor = 3
    name, back = round_trip(lambda x: x * factor)
    assert name == "cloudpickle"
    assert back(2) == 6


def _generator() -> Any:
    yield 1


def _deep() -> Any:
    value: Any = ()
    for _ in range(100_000):
        value = (value,)
    return value


@pytest.mark.parametrize("make", [threading.Lock, _generator, _deep])
def test_what_can_not_be_pickled_is_a_clear_error(make: Any, tmp_path: Path) -> None:
    value = make()
    with pytest.raises(ArtifactError, match=r"it can't be pickled .*: .*; return plain data, or give"):
        materializer_for(value).save(value, tmp_path)


def test_a_fitted_model_comes_back(round_trip: RoundTrip) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    name, back = round_trip(linear_model.LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]))
    assert name == "cloudpickle"
    assert back.predict([[3.0]])[0] == pytest.approx(6.0)


def test_a_preview_survives_a_repr_that_raises() -> None:
    assert "RaisesOnRepr" in materializer_named("cloudpickle").preview(RaisesOnRepr())
