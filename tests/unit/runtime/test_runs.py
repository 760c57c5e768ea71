from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.storage import Storage
from airflow_provider_pipes.errors import DuplicateRunNameError, IntegrityError, RunNotFoundError
from airflow_provider_pipes.models.documents import RunRecord
from airflow_provider_pipes.runtime import runs


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return LocalStorage(tmp_path)


def record(run_name: str = "r", deployment: str = "d") -> RunRecord:
    return runs.new_record("p", run_name, deployment, "local", {"n": 1})


def test_a_run_name_is_claimed_once(storage: Storage) -> None:
    first = record()
    runs.start_local_run(storage, first)
    with pytest.raises(
        DuplicateRunNameError, match="pipeline 'p' already has a run named 'r'; choose another"
    ):
        runs.start_local_run(storage, record())
    with pytest.raises(DuplicateRunNameError, match="continue that one with --resume r"):
        runs.check_run_name(storage, "p", "r")
    runs.check_run_name(storage, "p", "other")
    runs.check_run_name(storage, "other", "r")
    assert runs.read_local_run(storage, "p", "r") == first


def test_of_many_at_once_one_gets_the_name(storage: Storage) -> None:
    def claim(_: int) -> bool:
        try:
            runs.start_local_run(storage, record())
        except DuplicateRunNameError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(16))) == 1


def test_a_run_that_is_not_there_is_told(storage: Storage) -> None:
    with pytest.raises(RunNotFoundError, match="pipeline 'p' has no local run named 'r'; `pipes runs list`"):
        runs.read_local_run(storage, "p", "r")


def test_a_damaged_record_is_told(storage: Storage) -> None:
    storage.write(runs.local_run_path("p", "r"), b"")
    with pytest.raises(IntegrityError, match="this run record in the artifact store is damaged"):
        runs.read_local_run(storage, "p", "r")


def test_an_airflow_run_is_pinned_by_the_step_that_is_first(storage: Storage) -> None:
    path = runs.airflow_run_path("p", "manual__1", "2026-01-01T00:00:00+00:00")
    first, second = record(deployment="old"), record(deployment="new")
    assert runs.pin_airflow_run(storage, path, first) == first
    assert runs.pin_airflow_run(storage, path, second) == first


def test_two_airflows_on_one_store_have_records_of_their_own() -> None:
    one = runs.airflow_run_path("p", "manual__1", "2026-01-01T00:00:00.000001+00:00")
    assert one != runs.airflow_run_path("p", "manual__1", "2026-01-01T00:00:00.000002+00:00")


def test_a_token_is_the_same_for_a_step_of_a_run_and_for_nothing_else() -> None:
    one, other = record(), record()
    tokens = {runs.local_token(each, step) for each in (one, other) for step in ("a", "b", "\ud800")}
    assert len(tokens) == 6
    assert runs.local_token(one, "a") == runs.local_token(one, "a")
