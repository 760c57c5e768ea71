from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_named
from airflow_provider_pipes.errors import ArtifactError

file_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))
trees = st.recursive(
    st.binary(max_size=50), lambda inner: st.dictionaries(file_names, inner, max_size=4), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))


def save_and_load(path: Path, folder: Path) -> Path:
    materializer = materializer_for(path)
    assert materializer.name == "path"
    stored = folder / "stored"
    stored.mkdir()
    materializer.save(path, stored)
    # What an object store gives back: files only, no empty folders, no modes.
    copy = folder / "copy"
    for each in stored.rglob("*"):
        assert not each.is_symlink()
        if each.is_file():
            target = copy / each.relative_to(stored)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(each, target)
    shutil.rmtree(stored)
    loaded = materializer_named("path").load(copy, None)
    assert isinstance(loaded, Path)
    return loaded


def write_tree(folder: Path, tree: dict[str, Any]) -> None:
    folder.mkdir()
    for name, content in tree.items():
        if isinstance(content, dict):
            write_tree(folder / name, content)
        else:
            (folder / name).write_bytes(content)


def read_tree(folder: Path) -> dict[str, Any]:
    return {each.name: read_tree(each) if each.is_dir() else each.read_bytes() for each in folder.iterdir()}


def test_a_file_keeps_its_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "report é.png").write_bytes(b"png")
    back = save_and_load(tmp_path / "report é.png", tmp_path)
    assert back.name == "report é.png"
    assert back.read_bytes() == b"png"


@given(tree=trees, name=file_names)
def test_a_directory_comes_back_with_all_that_is_in_it(tree: dict[str, Any], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in").mkdir()
        try:
            write_tree(Path(folder) / "in" / name, tree)
        except FileExistsError:  # the file system takes two of the names for one
            return
        back = save_and_load(Path(folder) / "in" / name, Path(folder))
        assert back.name == name
        assert read_tree(back) == tree


def test_links_modes_and_empty_folders_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "bin").mkdir(parents=True)
    (source / "empty" / "deeper").mkdir(parents=True)
    (source / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (source / "bin" / "run").chmod(0o755)
    (source / "bin" / "data").write_bytes(b"data")
    (source / "current").symlink_to("bin")
    (source / "bin" / "up").symlink_to("../bin/data")
    (source / "dangling").symlink_to("not-there")
    (source / "only-links").mkdir()
    (source / "only-links" / "run").symlink_to("../bin/run")
    back = save_and_load(source, tmp_path)
    assert os.access(back / "bin" / "run", os.X_OK)
    assert not os.access(back / "bin" / "data", os.X_OK)
    assert os.readlink(back / "current") == "bin"
    assert (back / "current" / "up").read_bytes() == b"data"
    assert os.readlink(back / "dangling") == "not-there"
    assert (back / "only-links" / "run").read_bytes() == b"#!/bin/sh\n"
    assert (back / "empty" / "deeper").is_dir()


def test_an_executable_file_stays_executable(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"")
    (tmp_path / "tool").chmod(0o700)
    assert os.access(save_and_load(tmp_path / "tool", tmp_path), os.X_OK)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "../../x", "sub/../../outside", "hop/../.."])
def test_a_link_out_of_the_directory_is_refused(tmp_path: Path, target: str) -> None:
    source = tmp_path / "model"
    (source / "sub" / "deep").mkdir(parents=True)
    (source / "hop").symlink_to("sub")
    (source / "link").symlink_to(target)
    with pytest.raises(ArtifactError, match="symbolic link 'link' in directory 'model' leads out of it"):
        save_and_load(source, tmp_path)


def test_a_link_out_by_way_of_another_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "a" / "b" / "c").mkdir(parents=True)
    (source / "a" / "b" / "top").symlink_to("../..")
    # As text it stays inside; but 'top' is the root, and its parent lies outside.
    (source / "a" / "b" / "c" / "sly").symlink_to("../top/../secret")
    with pytest.raises(ArtifactError, match="'a/b/c/sly' in directory 'model' leads out of it"):
        save_and_load(source, tmp_path)


def test_a_stored_index_can_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    stored = tmp_path / "stored"
    stored.mkdir()
    materializer = materializer_named("path")
    materializer.save(tmp_path / "in", stored)
    index = (stored / "path.json").read_text()
    (stored / "path.json").write_text(index.replace('"links":{}', '"links":{"../../evil":"x"}'))
    with pytest.raises(ArtifactError, match="is no path in an artifact store"):
        materializer.load(stored, None)
    (stored / "path.json").write_text(index.replace('"links":{}', '"links":{"evil":"../../../in"}'))
    with pytest.raises(ArtifactError, match="leads out of it"):
        materializer.load(stored, None)


def test_a_path_that_is_a_link_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "latest.txt").symlink_to("real.txt")
    back = save_and_load(tmp_path / "latest.txt", tmp_path)
    assert (back.name, back.is_symlink(), back.read_text()) == ("latest.txt", False, "x")


def test_the_current_directory_keeps_its_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "x").write_text("x")
    monkeypatch.chdir(tmp_path / "work")
    back = save_and_load(Path(), tmp_path)
    assert (back.name, read_tree(back)) == ("work", {"x": b"x"})


def test_a_path_that_does_not_exist_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=f"the path 'out/x.png' does not exist .looked in '{tmp_path}'"):
        save_and_load(Path("out/x.png"), tmp_path)


def test_a_socket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dir" / "s"))
        with pytest.raises(ArtifactError, match="neither a file nor a directory but a socket"):
            save_and_load(tmp_path / "dir", tmp_path)


def test_a_step_that_asks_for_a_string_gets_the_path_as_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    (tmp_path / "stored").mkdir()
    materializer_named("path").save(tmp_path / "x", tmp_path / "stored")
    back = materializer_named("path").load(tmp_path / "stored", str)
    assert back == str(tmp_path / "stored" / "content" / "x")


def test_previews_tell_names_and_sizes(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("abc")
    assert materializer_named("path").preview(tmp_path / "d" / "x") == "x (3 bytes)"
    assert materializer_named("path").preview(tmp_path / "d") == "d/ (1 files)"
    assert "PosixPath" in materializer_named("path").preview(tmp_path / "missing")
