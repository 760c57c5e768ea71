from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.compiler.project import ProjectLayout
from airflow_provider_pipes.compiler.snapshot import build_snapshot
from airflow_provider_pipes.errors import SnapshotError
from airflow_provider_pipes.runtime.snapshot import contents_hash, extract_snapshot

FILES = {"flows/train.py": b"import helper\n", "helper.py": b"\xe9\x00 bytes", "data/a.csv": b""}


def project(root: Path, *roots: str) -> ProjectLayout:
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return ProjectLayout(root, roots or ("flows", "", "src"))


def test_the_same_files_give_the_same_bytes_wherever_and_whenever_they_are(tmp_path: Path) -> None:
    first = build_snapshot(project(tmp_path / "one"), FILES)
    layout = project(tmp_path / "elsewhere/two")
    for name in FILES:
        os.utime(layout.root / name, (1, 1))
        (layout.root / name).chmod(0o700)
    assert build_snapshot(layout, reversed([*FILES, *FILES])) == first


def test_entries_are_sorted_dated_1980_and_plain(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_snapshot(project(tmp_path), FILES).data))
    assert archive.namelist() == sorted(FILES)
    assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_the_hash_is_over_the_contents(tmp_path: Path) -> None:
    digests = [(name, hashlib.sha256(data).hexdigest()) for name, data in FILES.items()]
    assert build_snapshot(project(tmp_path), FILES).hash == contents_hash(digests)


def test_roots_without_files_are_left_out(tmp_path: Path) -> None:
    layout = project(tmp_path)
    assert build_snapshot(layout, FILES).roots == ("flows", "")
    assert build_snapshot(layout, ["helper.py"]).roots == ("",)


def test_a_file_changed_since_its_closure_was_made_is_refused(tmp_path: Path) -> None:
    layout = project(tmp_path)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert build_snapshot(layout, FILES, digests) == build_snapshot(layout, FILES)
    (tmp_path / "helper.py").write_text("changed")
    with pytest.raises(
        SnapshotError, match=r"helper\.py was changed while the pipeline was compiled; do it again"
    ):
        build_snapshot(layout, FILES, digests)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"gone\.py can't be read for the code snapshot: No such file"):
        build_snapshot(project(tmp_path), [*FILES, "gone.py"])


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\:"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)


@given(contents=st.dictionaries(NAMES, st.binary(max_size=200), max_size=5))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> None:
    root, cache = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("cache")
    for name, data in contents.items():
        (root / name).write_bytes(data)
    snapshot = build_snapshot(ProjectLayout(root, ("",)), contents)
    folder = extract_snapshot(snapshot.data, snapshot.hash, cache)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == contents
