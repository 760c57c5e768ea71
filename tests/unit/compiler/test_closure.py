from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_pipes.compiler import memo as memo_module
from airflow_provider_pipes.compiler.closure import Closure, ClosureIndex
from airflow_provider_pipes.compiler.imports import scan_imports
from airflow_provider_pipes.compiler.project import ProjectLayout

OLD = 1_000_000_000 * 10**9


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def index(root: Path, *roots: str, memo: Path | None = None) -> ClosureIndex:
    return ClosureIndex(ProjectLayout(root, roots or ("",)), memo)


def closure(root: Path, module: str, *roots: str) -> Closure:
    return index(root, *roots).closure(module)


PROJECT = {
    "pyproject.toml": "",
    "README.md": "read me",
    "flows/train.py": "from helpers import model\n\ndef step():\n    from shop.deep import lazy\n",
    "flows/helpers.py": "import shop.model as model\n",
    "flows/unreached.py": "import shop.other\n",
    "shop/__init__.py": "",
    "shop/model.py": "import numpy\nfrom . import tables\n",
    "shop/tables.py": "",
    "shop/other.py": "",
    "shop/deep/__init__.py": "from .. import model\n",
    "shop/deep/lazy.py": "def f():\n    from ..data.names import NAMES\n",
    "shop/data/names.py": "NAMES = []\n",
    "shop/data/names.pyi": "NAMES: list\n",
}
REACHED = (
    "flows/helpers.py",
    "flows/train.py",
    "shop/__init__.py",
    "shop/data/names.py",
    "shop/deep/__init__.py",
    "shop/deep/lazy.py",
    "shop/model.py",
    "shop/tables.py",
)


def test_a_closure_holds_what_imports_can_reach_and_nothing_else(tmp_path: Path) -> None:
    found = closure(write(tmp_path, PROJECT), "train", "flows", "")
    assert (found.files, found.dynamic, found.problems) == (REACHED, (), ())


@pytest.mark.parametrize("file", REACHED)
def test_a_change_of_any_reached_file_changes_the_hash(tmp_path: Path, file: str) -> None:
    before = closure(write(tmp_path, PROJECT), "train", "flows", "").hash
    (tmp_path / file).write_text(PROJECT[file] + "\n# changed\n")
    assert closure(tmp_path, "train", "flows", "").hash != before


@pytest.mark.parametrize("file", sorted(PROJECT.keys() - set(REACHED)))
def test_a_change_of_any_other_file_changes_nothing(tmp_path: Path, file: str) -> None:
    before = closure(write(tmp_path, PROJECT), "train", "flows", "")
    (tmp_path / file).write_text("import shop.other  # changed\n")
    assert closure(tmp_path, "train", "flows", "") == before


def test_a_new_module_that_an_import_finds_first_changes_the_hash(tmp_path: Path) -> None:
    before = closure(write(tmp_path, PROJECT), "train", "flows", "")
    (tmp_path / "flows/shop.py").write_text("")
    after = closure(tmp_path, "train", "flows", "")
    assert after.hash != before.hash
    assert "flows/shop.py" in after.files


def test_star_imports_take_the_modules_that_all_lists(tmp_path: Path) -> None:
    files = {
        "a.py": "from pkg import *\n",
        "pkg/__init__.py": "__all__ = ['one', 'CONSTANT']\nCONSTANT = 1\n",
        "pkg/one.py": "from .sub import *\n",
        "pkg/two.py": "",
        "pkg/sub/__init__.py": "",
        "pkg/sub/three.py": "",
    }
    assert closure(write(tmp_path, files), "a").files == (
        "a.py",
        "pkg/__init__.py",
        "pkg/one.py",
        "pkg/sub/__init__.py",
    )


def test_import_module_with_a_constant_is_followed(tmp_path: Path) -> None:
    files = {
        "a.py": "import importlib\nimportlib.import_module('pkg.one')\n",
        "pkg/__init__.py": "",
        "pkg/one.py": "from importlib import import_module\nimport_module('.two', package=__package__)\n",
        "pkg/two.py": "__import__('three')\n",
        "three.py": "",
    }
    expected = ("a.py", "pkg/__init__.py", "pkg/one.py", "pkg/two.py", "three.py")
    assert closure(write(tmp_path, files), "a").files == expected


def test_a_dynamic_import_is_told_by_file_and_line(tmp_path: Path) -> None:
    files = {
        "a.py": "import b\n",
        "b.py": "import importlib\n\n\nimportlib.import_module(name)\n__import__(name)\n",
    }
    assert closure(write(tmp_path, files), "a").dynamic == ("b.py:4", "b.py:5")


def test_modules_that_import_each_other_are_one_closure(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import b\n", "b.py": "import c\n", "c.py": "import a\n"})
    found = index(tmp_path)
    assert found.closure("a") == found.closure("b") == found.closure("c")
    assert found.closure("a") is found.closure("a")


def test_a_missing_submodule_still_brings_its_package(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import pkg.gone.far\n", "pkg/__init__.py": ""})
    assert closure(tmp_path, "a").files == ("a.py", "pkg/__init__.py")


def test_a_module_of_no_project_has_an_empty_closure(tmp_path: Path) -> None:
    found = index(tmp_path)
    assert not found.holds("numpy")
    assert found.closure("numpy").files == ()


def test_a_syntax_error_is_a_problem_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import pkg.b\n", "pkg/__init__.py": "", "pkg/b.py": "x = 1\ndef broken(:\n"})
    (problem,) = closure(tmp_path, "a").problems
    assert problem.startswith("pkg/b.py:2: invalid syntax")


def test_a_module_that_hides_the_standard_library_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"flows/a.py": "import queue\n", "flows/queue.py": "", "flows/types/__init__.py": ""})
    problem = "module name 'queue' shadows the standard library; rename flows/queue.py"
    assert closure(tmp_path, "a", "flows", "").problems == (problem,)
    (tmp_path / "flows/a.py").write_text("from flows import types\n")
    problem = "module name 'types' shadows the standard library; rename flows/types"
    assert closure(tmp_path, "a", "flows", "").problems == (problem,)
    assert closure(tmp_path, "flows.a", "").problems == ()


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "b.py").symlink_to("nowhere.py")
    (tmp_path / "a.py").write_text("import b\n")
    (problem,) = closure(tmp_path, "a").problems
    assert problem == "b.py: can't be read: No such file or directory"


def test_included_files_and_what_they_import_join_every_closure(tmp_path: Path) -> None:
    files = {
        "a.py": "",
        "plugins/__init__.py": "",
        "plugins/x.py": "import helper\n",
        "helper.py": "",
        "query.sql": "select 1",
        "template.py": "{{ not python }}\n",
    }
    found = index(write(tmp_path, files))
    included = found.include(["plugins/x.py", "*.sql", "template.py"])
    assert included.files == ("plugins/x.py", "query.sql", "template.py")
    with_files = found.closure("a", included.files)
    assert with_files.problems == ()
    assert with_files.files == tuple(sorted(files))
    before = with_files.hash
    (tmp_path / "query.sql").write_text("select 2")
    assert index(tmp_path).closure("a", included.files).hash != before


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("data/a.csv", ["data/a.csv"]),
        ("./data//a.csv", ["data/a.csv"]),
        ("data", ["data/a.csv", "data/b.txt", "data/deep/c.csv"]),
        ("data/", ["data/a.csv", "data/b.txt", "data/deep/c.csv"]),
        ("data/**", ["data/a.csv", "data/b.txt", "data/deep/c.csv"]),
        ("data/*", ["data/a.csv", "data/b.txt", "data/deep/c.csv"]),
        ("data/*.csv", ["data/a.csv"]),
        ("data/**/*.csv", ["data/a.csv", "data/deep/c.csv"]),
        ("**/c.csv", ["data/deep/c.csv"]),
        ("data/[ab].*", ["data/a.csv", "data/b.txt"]),
        ("data/?.txt", ["data/b.txt"]),
        ("data/.env", ["data/.env"]),
        ("data/.e*", ["data/.env"]),
    ],
)
def test_what_a_glob_takes(tmp_path: Path, glob: str, expected: list[str]) -> None:
    names = [
        "data/a.csv",
        "data/b.txt",
        "data/deep/c.csv",
        "data/.env",
        "data/__pycache__/c.csv",
        "data/.git/c.csv",
    ]
    write(tmp_path, dict.fromkeys([*names, "env/pyvenv.cfg", "env/c.csv", "data/.hidden/c.csv"], ""))
    found = index(tmp_path).include([glob])
    assert (list(found.files), found.problems) == (expected, ())


@pytest.mark.parametrize(
    ("glob", "problem"),
    [
        ("nothing/*.csv", "matches no file; correct it, or remove it"),
        ("a.txt/*", "matches no file"),
        ("../outside.txt", "leaves the project"),
        ("data/../../outside.txt", "leaves the project"),
        ("/etc/passwd", "leaves the project"),
        ("C:/x", "leaves the project"),
        ("data\\a.csv", "holds a backslash"),
        ("", "names the whole project"),
        (".", "names the whole project"),
        (".git/config", "names '.git', which is never part of a code snapshot"),
        (".pipes/*", "names '.pipes'"),
        ("env/x.txt", "names 'env'"),
        ("link.txt", "matches 'link.txt', a link that leaves the project"),
        ("linked/*.txt", "matches 'linked/outside.txt', a link that leaves the project"),
    ],
)
def test_a_glob_that_can_not_be_followed_is_a_problem(tmp_path: Path, glob: str, problem: str) -> None:
    root = write(
        tmp_path / "project", {"a.txt": "", ".git/config": "", "env/pyvenv.cfg": "", "env/x.txt": ""}
    )
    write(tmp_path / "elsewhere", {"outside.txt": "secret"})
    (root / "link.txt").symlink_to(tmp_path / "elsewhere/outside.txt")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    found = index(root).include([glob])
    assert found.files == ()
    (told,) = found.problems
    assert told.startswith(f"include {glob!r} {problem}")


def test_all_problems_of_globs_are_told_at_once(tmp_path: Path) -> None:
    assert len(index(tmp_path).include(["x", "y", "../z"]).problems) == 3
    assert index(tmp_path).include("a.py").problems == ("include takes a list; write include=['a.py']",)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, {"data/a.txt": ""})
    (tmp_path / "data/again").symlink_to(tmp_path / "data")
    (tmp_path / "data/self").symlink_to("self")
    assert index(tmp_path).include(["data"]).files == ("data/a.txt",)


SCRIPT = """
import sys
import time
from pathlib import Path
from airflow_provider_pipes.compiler.closure import ClosureIndex
from airflow_provider_pipes.compiler.project import find_layout
layout, name = find_layout(Path(sys.argv[1]))
index = ClosureIndex(layout)
print(index.closure(name, index.include(["shop/**/*.pyi"]).files))
"""


def test_hash_seed_checkout_and_order_of_creation_do_not_matter(tmp_path: Path) -> None:
    outputs = set()
    for number, seed in enumerate(["0", "1", "4711"]):
        order = sorted(PROJECT, reverse=number == 1)
        root = write(tmp_path / ("x" * number) / "checkout", {name: PROJECT[name] for name in order})
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(root / "flows/train.py")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        outputs.add(done.stdout)
    (output,) = outputs
    assert all(file in output for file in [*REACHED, "shop/data/names.pyi"])


MODULES = st.sampled_from(["a", "b", "c", "p", "p.d", "p.e", "p.q", "p.q.f"])
PATHS = {
    **{name: f"{name.replace('.', '/')}.py" for name in ["a", "b", "c", "p.d", "p.e", "p.q.f"]},
    **{name: f"{name.replace('.', '/')}/__init__.py" for name in ["p", "p.q"]},
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=st.sets(st.tuples(MODULES, MODULES), max_size=15), start=MODULES)
def test_a_closure_is_what_python_itself_would_load(
    tmp_path: Path, edges: set[tuple[str, str]], start: str
) -> None:
    root = tmp_path / "project"
    shutil.rmtree(root, ignore_errors=True)
    lines: dict[str, list[str]] = {name: [] for name in PATHS}
    for importer, imported in sorted(edges):
        lines[importer].append(f"import {imported}")
    write(root, {PATHS[name]: "\n".join(body) for name, body in lines.items()})
    reached, pending = set(), [start]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [imported for importer, imported in edges if importer == name]
            pending += [name.rpartition(".")[0]] if "." in name else []
    assert closure(root, start).files == tuple(sorted(PATHS[name] for name in reached))


def read_files(monkeypatch: pytest.MonkeyPatch, later: int = 10) -> list[str]:
    """Return the files that are scanned from now on, at a time ``later`` seconds after their writing."""
    scanned: list[str] = []

    def scan(source: bytes, *, is_package: bool) -> object:
        scanned.append(source.decode())
        return scan_imports(source, is_package=is_package)

    monkeypatch.setattr(memo_module, "scan_imports", scan)
    monkeypatch.setattr(memo_module, "time_ns", lambda: time.time_ns() + later * 10**9)
    return scanned


def test_the_memo_spares_reading_what_did_not_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "import b", "b.py": "__all__ = ['x']\nimport_module(y)"})
    scanned, memo = read_files(monkeypatch), tmp_path / ".pipes/memo.json"
    first = index(tmp_path, memo=memo)
    cold = first.closure("a")
    first.save()
    assert len(scanned) == 2
    assert index(tmp_path, memo=memo).closure("a") == cold
    assert len(scanned) == 2
    (tmp_path / "b.py").write_text("changed = 1\nxxxxxxxxxxxxxxxxxxx")
    changed = index(tmp_path, memo=memo).closure("a")
    assert len(scanned) == 3
    assert changed == closure(tmp_path, "a")
    assert changed.hash != cold.hash


@pytest.mark.parametrize(("later", "readings"), [(0, 2), (1, 2), (10, 1)])
def test_a_file_written_just_before_it_was_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: int, readings: int
) -> None:
    write(tmp_path, {"a.py": "x = 1"})
    scanned, memo, now = read_files(monkeypatch, later), tmp_path / "memo.json", time.time_ns()
    # A clock so coarse that a second writing gets the same times.
    monkeypatch.setattr(memo_module, "_stamp", lambda status: [now, now, status.st_size])
    first = index(tmp_path, memo=memo)
    first.closure("a")
    first.save()
    index(tmp_path, memo=memo).closure("a")
    assert len(scanned) == readings


def test_a_modification_time_set_back_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "x = 1"})
    os.utime(tmp_path / "a.py", ns=(OLD, OLD))
    read_files(monkeypatch)
    memo = tmp_path / "memo.json"
    first = index(tmp_path, memo=memo)
    before = first.closure("a")
    first.save()
    (tmp_path / "a.py").write_text("x = 2")
    os.utime(tmp_path / "a.py", ns=(OLD, OLD))
    assert index(tmp_path, memo=memo).closure("a").hash != before.hash


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "\udcff",
        '{"format": [0]}',
        '{"format": FORMAT, "files": []}',
        '{"format": FORMAT, "files": {"a.py": [1]}}',
    ],
)
def test_a_damaged_memo_is_ignored(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"a.py": "import b", "b.py": ""})
    memo = tmp_path / "memo.json"
    text = text.replace("FORMAT", json.dumps(memo_module._FORMAT))
    memo.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert index(tmp_path, memo=memo).closure("a") == closure(tmp_path, "a")


def test_a_damaged_entry_of_the_memo_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "import b", "b.py": ""})
    scanned, memo = read_files(monkeypatch), tmp_path / "memo.json"
    first = index(tmp_path, memo=memo)
    expected = first.closure("a")
    first.save()
    document = json.loads(memo.read_text())
    document["files"]["a.py"][4:] = [5]
    memo.write_text(json.dumps(document))
    assert index(tmp_path, memo=memo).closure("a") == expected
    assert len(scanned) == 3


def test_a_memo_that_can_not_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "", "file": ""})
    read_files(monkeypatch)
    found = index(tmp_path, memo=tmp_path / "file/memo.json")
    found.closure("a")
    found.save()
    assert (tmp_path / "file").is_file()


def test_the_memo_forgets_files_that_are_gone_and_keeps_other_pipelines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.py": "", "b.py": "", "c.py": ""})
    read_files(monkeypatch)
    memo = tmp_path / "memo.json"
    for module in ["b", "c", "a"]:
        found = index(tmp_path, memo=memo)
        found.closure(module)
        if module == "c":
            (tmp_path / "b.py").unlink()
        found.save()
    assert sorted(json.loads(memo.read_text())["files"]) == ["a.py", "c.py"]
    assert not list(tmp_path.glob(".memo*"))
