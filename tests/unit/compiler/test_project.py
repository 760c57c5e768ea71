from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.compiler.project import ModuleFinder, ProjectLayout, find_layout
from airflow_provider_pipes.errors import TargetError


def write(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_the_root_is_the_nearest_folder_with_pipes_toml(tmp_path: Path) -> None:
    write(tmp_path, "pipes.toml", "team/pyproject.toml", "team/flows/train.py")
    layout, name = find_layout(tmp_path / "team/flows/train.py")
    assert (layout.root, layout.roots, name) == (tmp_path, ("team/flows", ""), "train")


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git/HEAD"])
def test_without_pipes_toml_the_root_is_marked_by_the_usual_files(tmp_path: Path, marker: str) -> None:
    write(tmp_path, marker, "flows/train.py")
    assert find_layout(tmp_path / "flows/train.py")[0].root == tmp_path


def test_a_lone_file_is_a_project_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path, "train.py")
    assert find_layout(tmp_path / "train.py") == (ProjectLayout(tmp_path, ("",)), "train")


def test_packages_are_part_of_the_name_and_src_is_a_root(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pyproject.toml",
        "src/shop/__init__.py",
        "src/shop/flows/__init__.py",
        "src/shop/flows/a.py",
    )
    layout, name = find_layout(tmp_path / "src/shop/flows/a.py")
    assert (layout.roots, name) == (("src", ""), "shop.flows.a")
    layout, name = find_layout(tmp_path / "src/shop/flows/__init__.py")
    assert (layout.roots, name) == (("src", ""), "shop.flows")


def test_a_marker_inside_a_package_is_not_the_root(tmp_path: Path) -> None:
    write(tmp_path, "setup.py", "shop/__init__.py", "shop/pyproject.toml", "shop/a.py")
    assert find_layout(tmp_path / "shop/a.py")[0].root == tmp_path


def test_a_module_name_decides_where_imports_start(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", "flows/daily/train.py")
    file = tmp_path / "flows/daily/train.py"
    assert find_layout(file) == (ProjectLayout(tmp_path, ("flows/daily", "")), "train")
    assert find_layout(file, "flows.daily.train") == (ProjectLayout(tmp_path, ("",)), "flows.daily.train")


def test_a_module_loaded_from_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "train.py")
    with pytest.raises(TargetError, match="does not end in the module's name"):
        find_layout(tmp_path / "train.py", "flows.train")


def test_an_installed_module_brings_its_own_package_only(tmp_path: Path) -> None:
    site = tmp_path / "lib/site-packages"
    write(site, "team/flows/train.py", "numpy/__init__.py")
    layout, name = find_layout(site / "team/flows/train.py")
    assert (layout, name) == (ProjectLayout(site, ("",), "team"), "team.flows.train")
    assert ModuleFinder(layout).locate("numpy") is None


@pytest.mark.parametrize("name", ["missing.py", "notes.txt"])
def test_what_is_no_python_file_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "notes.txt")
    with pytest.raises(TargetError, match=r"is no Python file; give a path that ends in \.py"):
        find_layout(tmp_path / name)


def test_a_file_that_no_name_imports_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "train.v2.py")
    with pytest.raises(TargetError, match=r"'train\.v2' holds a dot; rename it"):
        find_layout(tmp_path / "train.v2.py")


def finder(root: Path, *roots: str) -> ModuleFinder:
    return ModuleFinder(ProjectLayout(root, roots or ("",)))


def file_of(found: ModuleFinder, name: str) -> str | None:
    module = found.locate(name)
    assert module is not None
    return module.file


def test_the_first_root_that_has_a_module_wins(tmp_path: Path) -> None:
    write(tmp_path, "flows/helper.py", "helper.py", "other.py")
    found = finder(tmp_path, "flows", "")
    assert file_of(found, "helper") == "flows/helper.py"
    assert file_of(found, "other") == "other.py"


def test_a_package_wins_over_a_module_and_a_module_over_a_bare_folder(tmp_path: Path) -> None:
    write(tmp_path, "a/__init__.py", "a.py", "b/x.py", "b.py")
    assert file_of(finder(tmp_path), "a") == "a/__init__.py"
    assert file_of(finder(tmp_path), "b") == "b.py"
    assert finder(tmp_path).locate("b.x") is None


def test_a_package_without_init_spans_all_roots(tmp_path: Path) -> None:
    write(tmp_path, "one/ns/a.py", "two/ns/b.py")
    found = finder(tmp_path, "one", "two")
    assert (file_of(found, "ns"), file_of(found, "ns.a"), file_of(found, "ns.b")) == (
        None,
        "one/ns/a.py",
        "two/ns/b.py",
    )


def test_our_own_package_and_stubs_are_never_the_projects(tmp_path: Path) -> None:
    write(tmp_path, "airflow_provider_pipes/__init__.py", "typed.pyi", "venv/lib/x.py")
    found = finder(tmp_path)
    assert found.locate("airflow_provider_pipes") is None
    assert found.locate("typed") is None
    assert found.locate("venv") is None, "a bare folder never hides the standard library's module"
