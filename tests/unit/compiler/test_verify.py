from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from airflow_provider_pipes.compiler.closure import ClosureIndex
from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.compiler.snapshot import build_snapshot
from airflow_provider_pipes.compiler.verify import verify_snapshot
from airflow_provider_pipes.errors import SnapshotError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIPES_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def verify(root: Path, *modules: str, roots: tuple[str, ...] = ("",), include: tuple[str, ...] = ()) -> None:
    layout = ProjectLayout(root, roots)
    index = ClosureIndex(layout)
    files = {file for module in modules for file in index.closure(module, index.include(include).files).files}
    verify_snapshot(build_snapshot(layout, files), layout, modules)


def failure(root: Path, *modules: str, roots: tuple[str, ...] = ("",)) -> str:
    with pytest.raises(SnapshotError) as raised:
        verify(root, *modules, roots=roots)
    return str(raised.value)


def test_a_whole_snapshot_passes(tmp_path: Path) -> None:
    files = {
        "flows/train.py": "import os, sys\nimport helper\nfrom airflow_provider_pipes import step\n"
        "assert os.listdir() == []\nassert not {'pydantic', 'airflow', 'typer'} & set(sys.modules)\n",
        "helper.py": "import flows.other",
        "flows/other.py": "print('noise')",
    }
    verify(write(tmp_path / "project", files), "train", "helper", roots=("flows", ""))


def test_a_dynamic_import_needs_an_include(tmp_path: Path) -> None:
    files = {
        "train.py": "import importlib\nfor name in 'xy':\n    importlib.import_module(f'plugins.{name}')\n",
        "plugins/x.py": "",
        "plugins/y.py": "import yaml_of_y",
        "yaml_of_y.py": "",
    }
    root = write(tmp_path / "project", files)
    message = failure(root, "train")
    assert "module 'plugins.x' is not in the code snapshot, since no import names it" in message
    assert "add include=['plugins/x.py'] to @pipeline" in message
    assert (
        "for all of these, add include=['plugins/x.py', 'plugins/y.py', 'yaml_of_y.py'] to @pipeline"
        in message
    )
    verify(root, "train", include=("plugins/x.py", "plugins/y.py"))


def test_a_missing_submodule_of_a_package_in_the_snapshot_is_found(tmp_path: Path) -> None:
    files = {"src/pkg/__init__.py": "", "src/pkg/a.py": "__import__('pkg.' + 'b')\n", "src/pkg/b.py": ""}
    message = failure(write(tmp_path / "project", files), "pkg.a", roots=("src", ""))
    assert "module 'pkg.b'" in message
    assert "add include=['src/pkg/b.py'] to @pipeline" in message


def test_a_file_beside_the_code_needs_an_include(tmp_path: Path) -> None:
    files = {
        "train.py": "import pathlib, helper\nhelper.read(pathlib.Path(__file__).parent / 'conf/a.toml')\n",
        "helper.py": "def read(path):\n    try:\n        return path.read_text()\n"
        "    except OSError as error:\n        raise RuntimeError('no configuration') from error\n",
        "conf/a.toml": "",
    }
    root = write(tmp_path / "project", files)
    message = failure(root, "train")
    assert "'conf/a.toml' is read while a module is imported, and is not in the code snapshot" in message
    assert "add include=['conf/a.toml'] to @pipeline" in message
    verify(root, "train", include=("conf",))


def test_a_file_read_from_the_current_directory_is_explained(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"train.py": "open('data/a.csv')\n", "data/a.csv": ""})
    message = failure(root, "train")
    assert "'data/a.csv' is read relative to the current directory" in message
    assert "use Path(__file__).parent, and add include=['data/a.csv'] to @pipeline" in message


def test_any_other_error_shows_the_users_frames_only(tmp_path: Path, cache: Path) -> None:
    files = {"train.py": "import helper\n", "helper.py": "def f():\n    return 1 / 0\n\nf()\n"}
    message = failure(write(tmp_path / "project", files), "train")
    assert (
        "module 'train' raised ZeroDivisionError while it was imported (helper.py:2): division by zero"
        in message
    )
    assert 'File "train.py", line 1, in <module>' in message
    assert "importlib" not in message
    assert "airflow_provider_pipes" not in message
    assert str(cache) not in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    files = {
        "a.py": "__import__('plugin' + '')\nopen(__file__[:-4] + 'a.csv')\n",
        "b.py": "raise ValueError('mine')\n",
        "c.py": "import b",
        "d.py": "import sys\nsys.exit(3)",
        "plugin.py": "",
        "a.csv": "",
    }
    message = failure(write(tmp_path / "project", files), "a", "b", "c", "d")
    for expected in [
        "'plugin'",
        "'a.csv'",
        "ValueError while it was imported (b.py:1): mine",
        "raised SystemExit",
    ]:
        assert expected in message


def test_a_module_that_ends_python_shows_its_last_words(tmp_path: Path) -> None:
    root = write(
        tmp_path / "project", {"train.py": "import os\nprint('last words', flush=True)\nos._exit(7)\n"}
    )
    message = failure(root, "train")
    assert "importing train ended Python itself (exit status 7):\n    last words" in message


def test_a_process_left_running_is_not_waited_for(tmp_path: Path) -> None:
    code = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
    code += "import threading, time\nthreading.Thread(target=time.sleep, args=(20,)).start()\n"
    start = time.monotonic()
    verify(write(tmp_path / "project", {"train.py": code}), "train")
    assert time.monotonic() - start < 10


def test_the_project_itself_is_not_importable_by_other_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "project", {"train.py": "import hidden_one\n", "lib/hidden_one.py": ""})
    write(tmp_path / "outside", {"fine.py": ""})
    monkeypatch.setenv("PYTHONPATH", f"{root / 'lib'}:{tmp_path / 'outside'}")
    assert "hidden_one" in failure(root, "train")
    (root / "train.py").write_text("import fine\n")
    verify(root, "train")


def test_a_module_that_only_an_editable_installation_finds_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import importlib\nimportlib.import_module('hid' + 'den')\nimportlib.import_module('lib' + 'rary')\n"
    )
    root = write(tmp_path / "project", {"flows/train.py": code, "src/hidden.py": "", "libs/a/library.py": ""})
    paths = [str(root / "src"), str(root / "libs/a")]
    # As the .pth files of two editable installations do: the project's own, and a library's beside it.
    write(tmp_path / "outside", {"sitecustomize.py": f"import sys\nsys.path += {paths!r}\n"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "outside"))
    message = failure(root, "train", roots=("flows", "", "src"))
    assert "add include=['src/hidden.py'] to @pipeline" in message
    assert "library" not in message


def test_an_optional_import_may_fail(tmp_path: Path) -> None:
    files = {
        "train.py": "try:\n    import docker_like\nexcept ImportError:\n    pass\nelse:\n    1 / 0\n",
        "docker_like/Dockerfile": "",
    }
    verify(write(tmp_path / "project", files), "train")


def test_a_project_that_holds_this_package_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    import airflow_provider_pipes

    file = Path(airflow_provider_pipes.__file__)
    layout = ProjectLayout(file.parent.parent, ("tests/unit/compiler", ""))
    snapshot = build_snapshot(layout, ClosureIndex(layout).closure("tests.unit.compiler").files)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    verify_snapshot(snapshot, layout, ["tests.unit.compiler"])


def test_verifying_leaves_this_process_alone(tmp_path: Path) -> None:
    path, modules = list(sys.path), set(sys.modules)
    verify(write(tmp_path / "project", {"only_there.py": ""}), "only_there")
    assert sys.path == path
    assert "only_there" not in set(sys.modules) - modules
