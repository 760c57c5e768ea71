from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_pipes.authoring.step import Step
from airflow_provider_pipes.errors import AuthoringError, TargetError, UserCodeError
from airflow_provider_pipes.runtime.sources import load_source, user_traceback


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_a_source_is_a_module_and_a_name_in_it(folder: Path) -> None:
    (folder / "mine.py").write_text("class A:\n    class B:\n        def f(self): ...\n")
    found = load_source("mine:A.B.f")
    assert (found.__module__, found.__qualname__) == ("mine", "A.B.f")


def test_a_decorated_function_is_the_step_that_it_became(folder: Path) -> None:
    (folder / "stepped.py").write_text(
        "from airflow_provider_pipes import step\n@step\ndef f() -> int: ...\n"
    )
    assert isinstance(load_source("stepped:f"), Step)


@pytest.mark.parametrize("source", ["", "mine", "mine:", ":f", "mine:f.", "mine..x:f", "mine.:f"])
def test_what_names_no_function_is_refused(source: str) -> None:
    with pytest.raises(TargetError, match="write it as 'module:function'"):
        load_source(source)


def test_a_function_inside_a_function_is_refused() -> None:
    with pytest.raises(
        TargetError, match=r"is defined inside a function.*move it to the top level of module 'mine'"
    ):
        load_source("mine:f.<locals>.g")


def test_a_missing_name_tells_the_nearest_ones(folder: Path) -> None:
    (folder / "named.py").write_text("def train(): ...\ndef trains(): ...\ndef other(): ...\n")
    with pytest.raises(
        TargetError, match=r"module 'named' has no 'trian' \(.*named\.py\); did you mean 'train'"
    ):
        load_source("named:trian")
    with pytest.raises(TargetError, match=r"has no 'zzz' \(.*named\.py\)$"):
        load_source("named:zzz")


@pytest.mark.parametrize(
    ("source", "missing"), [("absent:f", "absent"), ("absent.deep:f", "absent"), ("pkg.b:f", "pkg.b")]
)
def test_a_missing_module_is_told_by_name(folder: Path, source: str, missing: str) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg/__init__.py").touch()
    with pytest.raises(TargetError, match=f"there is no module '{missing}' here"):
        load_source(source)


def test_a_module_that_the_users_module_misses_is_the_users_error(folder: Path) -> None:
    (folder / "importer.py").write_text("import importer.missing\n")
    with pytest.raises(
        UserCodeError, match=r"raised ModuleNotFoundError while it was imported \(.*importer\.py:1\)"
    ):
        load_source("importer:f")


def test_a_package_that_misses_the_module_asked_for_is_the_users_error(folder: Path) -> None:
    (folder / "needy").mkdir()
    (folder / "needy/__init__.py").write_text("import needy.b\n")
    with pytest.raises(UserCodeError, match=r"No module named 'needy\.b'"):
        load_source("needy.b:f")


def test_an_error_of_the_users_module_shows_its_frames_only(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "import importlib\n\ndef f():\n    try:\n        importlib.import_module('broken_too')\n"
        "    except ValueError as error:\n        raise KeyError('k') from error\n\nf()\n"
    )
    (folder / "broken_too.py").write_text("raise ValueError('deep')\n")
    with pytest.raises(UserCodeError, match=r"'broken' raised KeyError .*broken\.py:7\): 'k'") as raised:
        load_source("broken:f")
    text = raised.value.traceback_text
    assert "raise ValueError('deep')" in text
    assert "direct cause" in text
    assert text.endswith("KeyError: 'k'\n")
    assert "importlib/__init__" not in text
    assert "<frozen" not in text
    assert "sources.py" not in text


def test_a_syntax_error_shows_its_line(folder: Path) -> None:
    (folder / "unparsable.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(UserCodeError, match="raised SyntaxError") as raised:
        load_source("unparsable:f")
    assert 'unparsable.py", line 2' in raised.value.traceback_text
    assert "importlib" not in raised.value.traceback_text


def test_frames_are_dropped_in_exception_groups_too(folder: Path) -> None:
    code = "import importlib\nerrors = []\ntry:\n    importlib.import_module('gone_for_good')\n"
    code += "except ImportError as error:\n    errors.append(error)\nraise ExceptionGroup('all', errors)\n"
    (folder / "grouped.py").write_text(code)
    with pytest.raises(UserCodeError) as raised:
        load_source("grouped:f")
    assert "No module named 'gone_for_good'" in raised.value.traceback_text
    assert "importlib/__init__" not in raised.value.traceback_text


def test_a_module_that_exits_is_the_users_error(folder: Path) -> None:
    (folder / "exiting.py").write_text("raise SystemExit\n")
    with pytest.raises(UserCodeError, match=r"raised SystemExit while it was imported \(.*exiting\.py:1\)$"):
        load_source("exiting:f")


def test_an_interrupt_passes(folder: Path) -> None:
    (folder / "interrupted.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_source("interrupted:f")


def test_a_wrong_use_of_ours_explains_itself(folder: Path) -> None:
    (folder / "misused.py").write_text("from airflow_provider_pipes import step\nstep(no_such_option=1)\n")
    with pytest.raises(AuthoringError, match="no_such_option"):
        load_source("misused:f")


def test_a_traceback_without_user_frames_still_names_the_error() -> None:
    assert user_traceback(ValueError("x")) == "ValueError: x\n"


def test_wrong_settings_are_told_by_field_where_they_stand(folder: Path) -> None:
    (folder / "wrong_settings.py").write_text(
        "from airflow_provider_pipes import DockerSettings\n\n\ndef made():\n"
        "    return DockerSettings(requirement=['x'])\n\n\nmade()\n"
    )
    with pytest.raises(AuthoringError) as raised:
        load_source("wrong_settings:made")
    said = str(raised.value)
    assert said.startswith(
        f"{folder}/wrong_settings.py:5: DockerSettings(…), requirement: unknown field "
        "(did you mean 'requirements'?)"
    )
    assert "pydantic" not in said
    assert raised.value.traceback_text == ""
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "given", ["{'A': 'hunter2'}", "'hunter2'", "{'A': b'hunter2'}", "{'A': ['hunter2']}"]
)
def test_a_wrong_secret_is_not_repeated(folder: Path, given: str) -> None:
    (folder / "spilled.py").write_text(
        f"from airflow_provider_pipes import DockerSettings\nDockerSettings(secrets={given}, user='a b')\n"
    )
    with pytest.raises(AuthoringError, match=r"spilled\.py:2: DockerSettings\(…\):\n  - .*\n  - ") as raised:
        load_source("spilled:f")
    assert "hunter2" not in str(raised.value)


def test_a_model_of_the_users_own_that_is_wrong_is_the_users_error(folder: Path) -> None:
    (folder / "modelled.py").write_text(
        "from pydantic import BaseModel\nclass A(BaseModel):\n    a: int\nA(a='x')\n"
    )
    with pytest.raises(UserCodeError, match="raised ValidationError while it was imported"):
        load_source("modelled:A")
