from __future__ import annotations

import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.classpath import class_path, import_class, importable_from
from tests.unit.stack.flavors import CustomOrchestratorFlavor


@pytest.mark.parametrize("separator", [":", "."])
def test_a_class_is_found_by_either_form_of_its_path(separator: str) -> None:
    assert (
        import_class(f"tests.unit.stack.flavors{separator}CustomOrchestratorFlavor")
        is CustomOrchestratorFlavor
    )


def test_a_class_finds_back_to_itself_by_its_path() -> None:
    assert import_class(class_path(CustomOrchestratorFlavor)) is CustomOrchestratorFlavor


@pytest.mark.parametrize("path", ["", "flavor", ":X", "a:", "a b:C", "a:b()", "os; import x:Y", "a..b:C"])
def test_text_that_is_no_class_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no class path; write it as 'package\.module:Class'"):
        import_class(path)


def test_a_missing_class_is_told_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no class 'CustomOrchestratorFlavr' \(did you mean 'CustomO"
    ):
        import_class("tests.unit.stack.flavors:CustomOrchestratorFlavr")


def test_a_missing_module_is_named() -> None:
    with pytest.raises(ConfigurationError, match="there is no module 'moonbeam' here"):
        import_class("moonbeam.flavors:Flavor")


def test_what_is_no_class_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is tuple and no class"):
        import_class("tests.unit.stack.flavors:KINDS")


def test_a_module_that_raises_is_told_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exploding_flavors.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        ConfigurationError, match="raised while it was imported: ZeroDivisionError: division by zero"
    ):
        import_class("exploding_flavors:Flavor")


def test_a_class_inside_a_function_has_no_path() -> None:
    class Inner:
        pass

    with pytest.raises(ConfigurationError, match="define it at the top level of a module"):
        class_path(Inner)


def test_folders_are_importable_only_for_a_while_and_after_everything_else(tmp_path: Path) -> None:
    before = list(sys.path)
    with importable_from([tmp_path, Path(before[0])]):
        assert sys.path == [*before, str(tmp_path)]
    assert sys.path == before
