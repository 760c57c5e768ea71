from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEADER = """
import sys
from pathlib import Path
from airflow_provider_pipes.errors import SnapshotError
from airflow_provider_pipes.runtime.snapshot import load_snapshot
one, two, other = (Path({!r}) / name for name in ["one", "two", "other"])
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def run(root: Path, script: str) -> str:
    """Run a script in a process of its own, since snapshots change what that process can import."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", HEADER.format(str(root)) + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def two_snapshots(tmp_path: Path) -> Path:
    for name in ["one", "two"]:
        files = {
            "flow.py": "import helper\ndef value():\n    from pkg import lazy\n"
            "    return helper.NAME + lazy.NAME\n",
            "helper.py": f"NAME = '{name}'\n",
            "pkg/__init__.py": "",
            "pkg/lazy.py": f"NAME = '-{name}'\n",
            f"only_{name}.py": "",
        }
        write(tmp_path / name, files)
    return tmp_path


def test_two_snapshots_with_the_same_names_each_run_their_own_code(two_snapshots: Path) -> None:
    script = """
    load_snapshot(one, [""])
    import flow
    first = flow
    load_snapshot(two, [""])
    import flow
    second = flow
    print(second.value())
    load_snapshot(one, [""])
    print(first.value())  # imports pkg.lazy only now
    load_snapshot(two, [""])
    print(second.value())
    """
    assert run(two_snapshots, script).split() == ["two-two", "one-one", "two-two"]


def test_a_snapshot_loaded_again_has_the_same_modules_and_classes(two_snapshots: Path) -> None:
    script = """
    load_snapshot(one, [""])
    import flow, pkg.lazy
    before = (flow, pkg, pkg.lazy)
    load_snapshot(two, [""])
    assert not {"flow", "pkg", "pkg.lazy"} & set(sys.modules)
    load_snapshot(one, [""])
    import flow, pkg.lazy
    assert (flow, pkg, pkg.lazy) == before
    """
    run(two_snapshots, script)


def test_names_of_the_other_snapshot_are_gone(two_snapshots: Path) -> None:
    script = """
    load_snapshot(one, [""])
    import only_one
    load_snapshot(two, [""])
    try:
        import only_one
    except ModuleNotFoundError:
        print("gone", str(one) in sys.path)
    """
    assert run(two_snapshots, script) == "gone False"


def test_roots_come_first_in_their_order_and_once(two_snapshots: Path) -> None:
    script = """
    before = list(sys.path)
    load_snapshot(one, ["pkg", ""])
    load_snapshot(one, ["pkg", ""])
    assert sys.path == [str(one / "pkg"), str(one), *before]
    load_snapshot(two, ["", "pkg"])
    assert sys.path == [str(two), str(two / "pkg"), *before]
    """
    run(two_snapshots, script)


def test_a_name_imported_from_elsewhere_is_refused_and_nothing_changes(two_snapshots: Path) -> None:
    write(two_snapshots, {"other/helper.py": ""})
    script = """
    load_snapshot(one, [""])
    import flow
    sys.path.append(str(other))
    del sys.modules["helper"]
    sys.path.remove(str(one))
    import helper
    before, path = dict(sys.modules), list(sys.path)
    try:
        load_snapshot(two, [""])
    except SnapshotError as error:
        print(error)
    assert (dict(sys.modules), sys.path) == (before, path)
    """
    message = run(two_snapshots, script)
    assert message == (
        f"module 'helper' is already imported in this process, from {two_snapshots}/other/helper.py, so the "
        "pipeline's own helper.py can't be; rename one of the two"
    )


def test_a_submodule_imported_from_elsewhere_is_refused_too(tmp_path: Path) -> None:
    write(tmp_path, {"one/space/a.py": "", "other/space/a.py": "", "two/space/b.py": "NAME = 'b'\n"})
    script = """
    sys.path.append(str(other))
    import space.a
    load_snapshot(two, [""])
    import space.b
    print(space.b.NAME)
    try:
        load_snapshot(one, [""])
    except SnapshotError as error:
        print(error)
    """
    output = run(tmp_path, script)
    assert output.startswith("b\nmodule 'space.a' is already imported in this process, from ")
    assert output.endswith("so the pipeline's own space/a.py can't be; rename one of the two")


def test_a_built_in_module_of_the_same_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"one/sys.py": "", "two/__main__.py": "", "two/data/json/x.txt": ""})
    script = """
    load_snapshot(two, ["", "data"])
    try:
        load_snapshot(one, [""])
    except SnapshotError as error:
        print(error)
    """
    assert "module 'sys' is already imported in this process" in run(tmp_path, script)


def test_a_namespace_shared_with_installed_code_hands_out_no_stale_module(tmp_path: Path) -> None:
    write(tmp_path, {"other/space/installed.py": ""})
    for name in ["one", "two"]:
        write(
            tmp_path / name, {"space/mine.py": f"NAME = '{name}'\n", "space/deep/x.py": f"NAME = '{name}'\n"}
        )
    script = """
    sys.path.append(str(other))
    for folder in [one, two, one]:
        load_snapshot(folder, [""])
        import space.installed
        from space import mine
        from space.deep import x
        assert space.installed
        print(mine.NAME, x.NAME, mine is space.mine)
    """
    assert run(tmp_path, script).splitlines() == ["one one True", "two two True", "one one True"]


def test_loading_a_snapshot_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.py": ""})
    script = """
    load_snapshot(one, [""])
    import airflow_provider_pipes.runtime.sources
    heavy = {"zipfile", "tempfile", "shutil", "traceback", "pydantic", "logging", "subprocess"}
    print(sorted(heavy & set(sys.modules)))
    """
    assert run(tmp_path, script) == "[]"
