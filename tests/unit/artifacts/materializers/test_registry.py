from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.materializers import (
    Materializer,
    materializer_for,
    materializer_key,
    materializer_named,
    materializer_versions,
)
from airflow_provider_pipes.errors import ArtifactError
from tests.unit.artifacts.materializers import samples

HERE = samples.__name__


@pytest.mark.parametrize("name", sorted(materializer_versions()))
def test_every_built_in_name_finds_its_materializer(name: str) -> None:
    materializer = materializer_named(name)
    assert materializer.name == name
    assert materializer_key(materializer) == name
    assert materializer.version >= 1


def test_a_materializer_of_the_users_own_is_asked_first() -> None:
    chosen = materializer_for(samples.Temperature(3), custom=[samples.TemperatureMaterializer])
    assert materializer_key(chosen) == f"{HERE}:TemperatureMaterializer"
    assert type(materializer_named(materializer_key(chosen))) is samples.TemperatureMaterializer
    assert materializer_for({"a": 1}, custom=[samples.TemperatureMaterializer]).name == "json"


def test_a_name_of_the_users_own_does_not_hide_a_built_in_one() -> None:
    class Json(samples.TemperatureMaterializer):
        name = "json"

    with pytest.raises(ArtifactError, match="define it at the top of a module"):
        materializer_key(Json())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jsn", "unknown materializer 'jsn'; known: bytes, cloudpickle, dataclass, json"),
        ("no_such_module_x:Y", "can't import the class 'no_such_module_x:Y'"),
        (f"{HERE}:Missing", "can't import the class .*Missing"),
        (f"{HERE}:NotOne", "NotOne is no materializer: derive it from"),
        (f"{HERE}:Incomplete", "Incomplete is incomplete: define load, save"),
        (f"{HERE}:HasNoName", "HasNoName is incomplete: define name"),
        (f"{HERE}:NeedsArguments", "NeedsArguments can't be made without arguments"),
    ],
)
def test_a_name_that_finds_none_is_a_clear_error(name: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        materializer_named(name)


def test_a_materializer_that_can_not_decide_is_a_clear_error() -> None:
    with pytest.raises(
        ArtifactError, match=r"can_save of the materializer .*CantDecide raised ZeroDivisionError"
    ):
        materializer_for(1, custom=[samples.CantDecide])


def test_a_materializer_has_to_define_its_three_methods() -> None:
    incomplete: Any = samples.Incomplete
    with pytest.raises(TypeError, match="abstract"):
        incomplete()
    assert issubclass(samples.Incomplete, Materializer)


def test_no_package_is_imported_to_choose_for_a_value_that_is_not_its_own() -> None:
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_versions\n"
        "values = (None, 1, 'x', b'x', [1], {'a': 1}, (1,), Path('x'))\n"
        "names = [materializer_for(each).name for each in values]\n"
        "materializer_versions()\n"
        "heavy = {'numpy', 'pandas', 'polars', 'pyarrow', 'pydantic', 'cloudpickle', 'fsspec'}\n"
        "print(json.dumps([names, sorted(heavy & set(sys.modules))]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    names, heavy = json.loads(done.stdout)
    assert names == ["json", "json", "text", "bytes", "json", "json", "cloudpickle", "path"]
    assert heavy == []
