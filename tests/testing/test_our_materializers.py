"""Our own materializers hold to the contract that we ship."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from airflow_provider_pipes.artifacts.materializers.arrow_tables import ArrowMaterializer
from airflow_provider_pipes.artifacts.materializers.dataclass_values import DataclassMaterializer
from airflow_provider_pipes.artifacts.materializers.files import PathMaterializer
from airflow_provider_pipes.artifacts.materializers.numpy_arrays import NumpyMaterializer
from airflow_provider_pipes.artifacts.materializers.pandas_frames import PandasMaterializer
from airflow_provider_pipes.artifacts.materializers.pickled import CloudpickleMaterializer
from airflow_provider_pipes.artifacts.materializers.plain import (
    BytesMaterializer,
    JsonMaterializer,
    TextMaterializer,
)
from airflow_provider_pipes.artifacts.materializers.polars_frames import PolarsMaterializer
from airflow_provider_pipes.artifacts.materializers.pydantic_models import PydanticMaterializer
from airflow_provider_pipes.testing import MaterializerContract
from tests.unit.artifacts.materializers.samples import (
    Frozen,
    Inner,
    Outer,
    Point,
    Temperature,
    TemperatureMaterializer,
)

# An author writes plain class attributes; so do these tests.
# ruff: noqa: RUF012

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, math.nan]}, index=["i", "j"])


class TestJson(MaterializerContract):
    materializer = JsonMaterializer
    samples = [None, True, 1.5, [1, [None]], {"a": {"é\n": [1e300]}}, []]
    foreign = [{1: 2}, [(1,)], [object()]]
    strategy = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
    # A number cut in half is a number.
    detects_damage = False


class TestText(MaterializerContract):
    materializer = TextMaterializer
    samples = ["", "line\r\n é ☃ \0 \ud83d", "x" * 1_000_000]
    foreign = [b"bytes"]
    strategy = st.text(st.characters(exclude_categories=[]))
    detects_damage = False


class TestBytes(MaterializerContract):
    materializer = BytesMaterializer
    samples = [b"", bytes(range(256)) * 100]
    foreign = ["text", bytearray(b"x")]
    strategy = st.binary()
    detects_damage = False


class TestPath(MaterializerContract):
    materializer = PathMaterializer
    foreign = ["/etc/passwd"]

    def equal(self, one: Any, other: Any) -> bool:
        return bool(_content(one) == _content(other))

    samples = [Path(__file__), Path(__file__).parents[1] / "golden" / "dags"]
    detects_damage = False


class TestDataclass(MaterializerContract):
    materializer = DataclassMaterializer
    samples = [Point(1, [None, "é"]), Frozen("f", ((1, 2), Frozen("g"))), (1, Point(2)), [Point(1)]]
    foreign = [Point]
    strategy = st.builds(Point, st.integers(), st.lists(st.text()))


class TestPydantic(MaterializerContract):
    materializer = PydanticMaterializer
    samples = [Inner(name="a", tags=["é"]), Outer(inner=Inner(name="b"), by_name={"c": Inner(name="c")})]
    foreign = [Inner]
    strategy = st.builds(Inner, name=st.text(), score=st.floats(allow_nan=False, allow_infinity=False))


class TestNumpy(MaterializerContract):
    materializer = NumpyMaterializer
    samples = [np.arange(12).reshape(3, 4), np.float32(1.5), np.zeros((0, 3)), np.array(["é", "abc"])]
    foreign = [np.array([object()]), [1, 2]]
    strategy = hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_dims=2, max_side=3))

    def equal(self, one: Any, other: Any) -> bool:
        alike = one.dtype == other.dtype and one.shape == other.shape
        return bool(alike and one.tobytes() == other.tobytes())


class TestPandas(MaterializerContract):
    materializer = PandasMaterializer
    samples = [FRAME, FRAME["a"], FRAME.head(0)]
    foreign = [{"a": [1]}]

    def equal(self, one: Any, other: Any) -> bool:
        return bool(one.equals(other))


class TestPolars(MaterializerContract):
    materializer = PolarsMaterializer
    samples = [pl.DataFrame({"a": [1, None], "b": ["x", "é"]}), pl.Series("s", [1.5, 2.5])]
    foreign = [FRAME]

    def equal(self, one: Any, other: Any) -> bool:
        return bool(one.equals(other))


class TestArrow(MaterializerContract):
    materializer = ArrowMaterializer
    samples = [pa.table({"a": [1, None], "b": ["x", "é"]}), pa.table({})]
    foreign = [FRAME]

    def equal(self, one: Any, other: Any) -> bool:
        return bool(one.equals(other))


class TestCloudpickle(MaterializerContract):
    materializer = CloudpickleMaterializer
    samples = [3j, {1: (2, "x")}, Temperature(1.5), 10**5000]


class TestAnAuthorsOwn(MaterializerContract):
    materializer = TemperatureMaterializer
    samples = (Temperature(21.5), Temperature(-300.0))
    strategy = st.builds(Temperature, st.floats(allow_nan=False))
    detects_damage = False


def _content(path: Path) -> Any:
    if path.is_file():
        return path.read_bytes()
    return {each.relative_to(path): each.read_bytes() for each in path.rglob("*") if each.is_file()}
