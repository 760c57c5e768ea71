"""Extracted snapshots are pruned, the ones used longest ago first, and none that is in use."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from airflow_provider_pipes.runtime import retention
from airflow_provider_pipes.runtime.snapshot import contents_hash, extract_snapshot, find_extracted

EXTRACT = """
import sys, time
from pathlib import Path
from airflow_provider_pipes.runtime.snapshot import find_extracted
print(find_extracted(sys.argv[1], Path(sys.argv[2])), flush=True)
time.sleep(60)
"""


def snapshot(content: str) -> tuple[bytes, str]:
    data = content.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.py", data)
    return buffer.getvalue(), contents_hash([("a.py", hashlib.sha256(data).hexdigest())])


def extracted_by_another(content: str, cache: Path, keep: int = 100) -> str:
    """Extract a snapshot in a process that ends, so that nobody holds it afterwards."""
    data, digest = snapshot(content)
    process = multiprocessing.get_context("fork").Process(
        target=extract_snapshot, args=(data, digest, cache, keep)
    )
    process.start()
    process.join()
    assert process.exitcode == 0
    return digest


def used(digest: str, cache: Path, seconds_ago: float) -> None:
    moment = time.time() - seconds_ago
    os.utime(cache / "code" / digest / "listing.json", (moment, moment))


def kept(cache: Path) -> set[str]:
    return {path.name for path in (cache / "code").iterdir()}


def test_the_ones_used_longest_ago_go_after_an_extraction(tmp_path: Path) -> None:
    digests = [extracted_by_another(f"x = {number}", tmp_path) for number in range(5)]
    for number, digest in enumerate(digests):
        used(digest, tmp_path, 100 - number)
    used(digests[0], tmp_path, 1)
    new = extracted_by_another("x = 'new'", tmp_path, keep=3)
    assert kept(tmp_path) == {new, digests[0], digests[4]}


def test_to_find_one_is_to_use_it(tmp_path: Path) -> None:
    first, second = (extracted_by_another(text, tmp_path) for text in ("x = 1", "x = 2"))
    used(first, tmp_path, 200)
    used(second, tmp_path, 100)
    subprocess.run(
        [sys.executable, "-c", EXTRACT.replace("time.sleep(60)", ""), first, str(tmp_path)], check=True
    )
    new = extracted_by_another("x = 3", tmp_path, keep=2)
    assert kept(tmp_path) == {first, new}


def test_one_that_a_live_process_uses_stays_until_that_was_killed(tmp_path: Path) -> None:
    busy = extracted_by_another("x = 1", tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", EXTRACT, busy, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(tmp_path / "code" / busy / "code")
        used(busy, tmp_path, 100)
        second = extracted_by_another("x = 2", tmp_path, keep=1)
        assert kept(tmp_path) == {busy, second}
        process.send_signal(signal.SIGKILL)
        process.wait()
    third = extracted_by_another("x = 3", tmp_path, keep=1)
    assert kept(tmp_path) == {third}


def test_this_process_keeps_those_that_it_uses_itself(tmp_path: Path) -> None:
    folders = [extract_snapshot(*snapshot(f"x = {number}"), tmp_path, keep=1) for number in range(3)]
    assert all((folder / "a.py").is_file() for folder in folders)


def test_one_that_is_just_being_removed_counts_as_gone(tmp_path: Path) -> None:
    digest = extracted_by_another("x = 1", tmp_path)
    with retention._unused(tmp_path / "code" / digest) as unused:
        assert unused
        assert find_extracted(digest, tmp_path) is None
    assert find_extracted(digest, tmp_path) is not None


def test_one_that_was_removed_and_put_there_anew_meanwhile_is_held_as_the_new_one(tmp_path: Path) -> None:
    digest = extracted_by_another("x = 1", tmp_path)
    listing = tmp_path / "code" / digest / "listing.json"
    descriptor = os.open(listing, os.O_RDONLY)
    text = listing.read_text()
    listing.unlink()
    listing.write_text(text)
    try:
        assert not retention._locked(descriptor, listing)
    finally:
        os.close(descriptor)


def test_a_file_system_without_locks_prunes_nothing_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    digests = [extracted_by_another(f"x = {number}", tmp_path, keep=1) for number in range(3)]
    assert kept(tmp_path) == set(digests)
    assert find_extracted(digests[0], tmp_path) is not None


def test_what_killed_processes_left_goes_after_a_day(tmp_path: Path) -> None:
    first = extracted_by_another("x = 1", tmp_path)
    cache = tmp_path / "code"
    for name, hours in ((f".{first[:12]}-old", 25), (f".{first[:12]}-new", 1), ("notes", 99)):
        (cache / name / "code").mkdir(parents=True)
        moment = time.time() - hours * 3600
        os.utime(cache / name, (moment, moment))
    second = extracted_by_another("x = 2", tmp_path)
    assert kept(tmp_path) == {first, second, f".{first[:12]}-new", "notes"}


def churn(cache: str, seed: int) -> None:
    for number in range(25):
        content = f"x = {(number * (seed + 3)) % 7}"
        folder = extract_snapshot(*snapshot(content), Path(cache), keep=2)
        assert (folder / "a.py").read_text() == content


def test_processes_that_extract_and_prune_at_once_never_lose_what_they_use(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=churn, args=(str(tmp_path), seed)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4


def test_no_more_descriptors_are_open_than_snapshots_in_use(tmp_path: Path) -> None:
    data, digest = snapshot("x = 1")
    extract_snapshot(data, digest, tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert find_extracted(digest, tmp_path) is not None
        assert find_extracted("0" * 64, tmp_path) is None
    assert len(os.listdir("/proc/self/fd")) == before
