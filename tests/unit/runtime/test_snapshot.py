from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pipes.errors import IntegrityError, PipesError, SnapshotError
from airflow_provider_pipes.runtime import snapshot as snapshot_module
from airflow_provider_pipes.runtime.snapshot import contents_hash, extract_snapshot, find_extracted

FILES = {"train.py": b"import helper\n", "pkg/__init__.py": b"", "pkg/data.bin": bytes(range(256)) * 20}


def digest_of(files: Mapping[str, bytes]) -> str:
    return contents_hash((name, hashlib.sha256(data).hexdigest()) for name, data in files.items())


def zipped(files: Mapping[str, bytes], **attributes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, data, attributes.get("compress_type", zipfile.ZIP_DEFLATED))
    return buffer.getvalue()


DATA, HASH = zipped(FILES), digest_of(FILES)


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in (cache / "code").iterdir() if path.name != HASH]


def test_a_snapshot_is_extracted_into_a_private_folder(tmp_path: Path) -> None:
    folder = extract_snapshot(DATA, HASH, tmp_path)
    assert read_all(folder) == FILES
    assert stat.S_IMODE((tmp_path / "code").stat().st_mode) == 0o700
    assert leftovers(tmp_path) == []


def test_a_snapshot_extracted_before_is_found_without_its_zip(tmp_path: Path) -> None:
    assert find_extracted(HASH, tmp_path) is None
    folder = extract_snapshot(DATA, HASH, tmp_path)
    assert find_extracted(HASH, tmp_path) == folder
    assert extract_snapshot(b"not even a zip", HASH, tmp_path) == folder


def test_new_files_beside_the_code_do_no_harm(tmp_path: Path) -> None:
    folder = extract_snapshot(DATA, HASH, tmp_path)
    (folder / "__pycache__").mkdir()
    (folder / "output.csv").write_text("x")
    assert find_extracted(HASH, tmp_path) == folder


def test_code_that_was_written_to_counts_no_more_and_is_replaced(tmp_path: Path) -> None:
    folder = extract_snapshot(DATA, HASH, tmp_path)
    (folder / "train.py").write_bytes(b"import malice\n"[: len(FILES["train.py"])])
    assert find_extracted(HASH, tmp_path) is None
    assert read_all(extract_snapshot(DATA, HASH, tmp_path)) == FILES


@pytest.mark.parametrize("damage", ["code/train.py", "listing.json"])
def test_a_half_extracted_folder_is_never_used(tmp_path: Path, damage: str) -> None:
    folder = extract_snapshot(DATA, HASH, tmp_path)
    (folder.parent / damage).unlink()
    assert find_extracted(HASH, tmp_path) is None
    assert read_all(extract_snapshot(DATA, HASH, tmp_path)) == FILES


def test_a_listing_of_other_files_is_not_believed(tmp_path: Path) -> None:
    other = extract_snapshot(zipped({"a.py": b""}), digest_of({"a.py": b""}), tmp_path).parent
    other.rename(other.parent / HASH)
    assert find_extracted(HASH, tmp_path) is None


@pytest.mark.parametrize("files", [{**FILES, "train.py": b"changed"}, {**FILES, "more.py": b""}, {}])
def test_other_contents_are_refused_and_nothing_is_left(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(IntegrityError, match=f"expected {HASH}"):
        extract_snapshot(zipped(files), HASH, tmp_path)
    assert list((tmp_path / "code").iterdir()) == []


@pytest.mark.parametrize("text", ["", "../../etc", "A" * 64, "0" * 63, f"{HASH}\n"])
def test_what_is_no_hash_never_becomes_a_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(SnapshotError, match="is no hash of a code snapshot"):
        extract_snapshot(DATA, text, tmp_path)


UNSAFE = ["../x", "/etc/x", "a/../../x", "a//b", "./a", "a/.", "a/", "", "..", "a\\b", "C:x", "c:/x"]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    files = {"fine.py": b"", name: b"x"}
    with pytest.raises(SnapshotError, match="which is no plain file below it; nothing was extracted"):
        extract_snapshot(zipped(files), digest_of(files), tmp_path / "cache")
    assert [path.name for path in tmp_path.rglob("*")] == ["cache", "code"]


PARTS = st.sampled_from(["..", ".", "", "a", "b.py", "\\", "C:", "~", "-", " ", "\0", "é", "a\\..\\b"])


@settings(deadline=None)
@given(names=st.lists(st.lists(PARTS, min_size=1, max_size=5).map("/".join), min_size=1, max_size=4))
def test_no_name_whatever_writes_outside(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "one/two/three/cache")
        files = dict.fromkeys(names, b"x")
        try:
            extracted = extract_snapshot(zipped(files), digest_of(files), cache)
        except PipesError:
            assert list((cache / "code").iterdir()) == []
        else:
            assert read_all(extracted) == files
        written = {path for path in Path(folder).rglob("*") if path.is_file()}
        assert all(path.is_relative_to(cache / "code") for path in written)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    with pytest.raises(SnapshotError, match=r"'train\.py', which is no plain file"):
        extract_snapshot(zipped(FILES, external_attr=(kind | 0o777) << 16), HASH, tmp_path)


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="which is no plain file"):
        extract_snapshot(zipped(FILES, compress_type=zipfile.ZIP_LZMA), HASH, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.py", "one")
        archive.writestr("a.py", "two")
    with pytest.raises(SnapshotError, match=r"holds 'a\.py' twice"):
        extract_snapshot(buffer.getvalue(), digest_of({"a.py": b"two"}), tmp_path)
    files = {"a": b"", "a/b": b""}
    with pytest.raises(SnapshotError, match="holds 'a' as a file and a folder"):
        extract_snapshot(zipped(files), digest_of(files), tmp_path)


@settings(deadline=None, max_examples=200)
@given(position=st.integers(0, len(DATA) - 1), value=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_zip_gives_the_right_files_or_a_clear_error(position: int, value: int, cut: bool) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= value
    with tempfile.TemporaryDirectory() as folder:
        try:
            extracted = extract_snapshot(bytes(damaged[:position] if cut else damaged), HASH, Path(folder))
        except PipesError:
            assert find_extracted(HASH, Path(folder)) is None
        else:
            assert read_all(extracted) == FILES


def extract_once(cache: str) -> bool:
    return read_all(extract_snapshot(DATA, HASH, Path(cache))) == FILES


def test_many_processes_may_extract_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert pool.map(extract_once, [str(tmp_path)] * 40, chunksize=1) == [True] * 40
    assert leftovers(tmp_path) == []


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPES_CACHE_DIR", str(tmp_path / "pipes"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert extract_snapshot(DATA, HASH) == tmp_path / "pipes/code" / HASH / "code"
    monkeypatch.delenv("PIPES_CACHE_DIR")
    assert extract_snapshot(DATA, HASH) == tmp_path / "xdg/airflow-provider-pipes/code" / HASH / "code"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert (
        extract_snapshot(DATA, HASH) == tmp_path / "home/.cache/airflow-provider-pipes/code" / HASH / "code"
    )


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(snapshot_module, "_temporary", {})
    return folder


def test_without_a_usable_cache_a_temporary_folder_serves_the_process(
    tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "file").touch()
    folder = extract_snapshot(DATA, HASH, tmp_path / "file")
    assert folder.is_relative_to(temporary)
    assert read_all(folder) == FILES
    assert find_extracted(HASH, tmp_path / "file") == folder


def test_a_cache_that_others_can_write_to_is_not_used(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code").chmod(0o777)
    assert extract_snapshot(DATA, HASH, tmp_path).is_relative_to(temporary)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/code").symlink_to(temporary)
    assert find_extracted("0" * 64, tmp_path / "linked") is None


def test_no_place_at_all_is_a_clear_error(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "file").touch()
    temporary.rmdir()
    with pytest.raises(SnapshotError, match="set PIPES_CACHE_DIR to a folder with space"):
        extract_snapshot(DATA, HASH, tmp_path / "file")


def test_a_temporary_folder_goes_with_its_process_and_not_with_a_child(tmp_path: Path) -> None:
    script = f"""
    import os, sys, tempfile
    from pathlib import Path
    from airflow_provider_pipes.runtime.snapshot import extract_snapshot
    folder = extract_snapshot({DATA!r}, {HASH!r}, Path("/dev/null"))
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print((folder / "train.py").exists())
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "True\n"
    assert list(tmp_path.iterdir()) == []
