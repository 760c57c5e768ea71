from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.artifacts.payloads import save_artifact
from airflow_provider_pipes.errors import ArtifactError, SchemaVersionError
from airflow_provider_pipes.models.documents import Manifest
from airflow_provider_pipes.models.paths import cache_path
from airflow_provider_pipes.runtime import results
from airflow_provider_pipes.runtime.plan import DeploymentPlan, StepPlan

KEY = "k" * 64


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def manifest(**fields: Any) -> Manifest:
    values = {"pipeline": "p", "run_name": "r", "step": "s", "token": "t", "outputs": {}, "code_hash": "c"}
    return Manifest(**{**values, "started": 1.0, "seconds": 0.1, **fields})


def cached(storage: LocalStorage) -> Manifest:
    """File a result with one output in the cache."""
    reference = save_artifact(storage, "runs/p/r/s/t/x/output", {"a": 1})
    made = results.commit_manifest(
        storage, "runs/p/r/s/t", manifest(outputs={"output": reference.to_mapping()})
    )
    results.file_in_cache(storage, KEY, "runs/p/r/s/t")
    return made


def test_who_comes_second_adopts_the_first(storage: LocalStorage) -> None:
    first, second = manifest(host="one"), manifest(host="two")
    assert results.commit_manifest(storage, "x", first) == first
    assert results.commit_manifest(storage, "x", second) == first
    assert results.read_manifest(storage, "x") == first


def test_of_many_at_once_all_return_the_same_manifest(storage: LocalStorage) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda n: results.commit_manifest(storage, "x", manifest(host=str(n))), range(32))
    assert len({each.host for each in found}) == 1


def test_without_a_manifest_there_is_no_result(storage: LocalStorage) -> None:
    assert results.read_manifest(storage, "x") is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}"])
def test_a_manifest_that_was_cut_off_is_none_and_is_replaced(
    storage: LocalStorage, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write("x/manifest.json", data)
    with caplog.at_level(logging.WARNING):
        assert results.read_manifest(storage, "x") is None
    assert "x/manifest.json: this manifest in the artifact store is damaged" in caplog.text
    assert results.commit_manifest(storage, "x", manifest()) == manifest()
    assert results.read_manifest(storage, "x") == manifest()


def test_a_manifest_of_a_newer_version_is_refused(storage: LocalStorage) -> None:
    storage.write("x/manifest.json", b'{"schema_version": 2}')
    with pytest.raises(SchemaVersionError, match="this manifest has schema version 2"):
        results.read_manifest(storage, "x")


def test_a_result_in_the_cache_is_found(storage: LocalStorage) -> None:
    made = cached(storage)
    assert results.find_in_cache(storage, KEY) == ("runs/p/r/s/t", made)
    assert results.find_in_cache(storage, "0" * 64) is None


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b"{}",
        b'{"prefix": 3}',
        b'{"prefix": ""}',
        b'{"prefix": "../../etc"}',
        b'{"prefix": "/etc"}',
        b'{"prefix": "runs/p/r/other/t"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=range(13),
)
def test_an_entry_that_can_not_be_read_is_a_miss(storage: LocalStorage, entry: bytes) -> None:
    cached(storage)
    storage.write(cache_path(KEY), entry)
    assert results.find_in_cache(storage, KEY) is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"schema_version": 2}'])
def test_an_entry_whose_manifest_can_not_be_read_is_a_miss(storage: LocalStorage, data: bytes) -> None:
    cached(storage)
    storage.write("runs/p/r/s/t/manifest.json", data)
    assert results.find_in_cache(storage, KEY) is None


@pytest.mark.parametrize("outputs", [{"output": {}}, {"output": 3}, [], {"output": {"path": "../x"}}])
def test_an_entry_whose_outputs_make_no_sense_is_a_miss(storage: LocalStorage, outputs: Any) -> None:
    results.commit_manifest(storage, "x", manifest(outputs=outputs))
    results.file_in_cache(storage, KEY, "x")
    assert results.find_in_cache(storage, KEY) is None


@pytest.mark.parametrize("what", ["runs/p/r/s/t/x/output", "runs/p/r/s/t/x", "runs/p/r/s/t", "runs"])
def test_an_entry_whose_payload_was_removed_is_a_miss(storage: LocalStorage, what: str) -> None:
    cached(storage)
    storage.remove(what)
    assert results.find_in_cache(storage, KEY) is None


def test_an_entry_whose_files_were_removed_one_by_one_is_a_miss(storage: LocalStorage) -> None:
    cached(storage)
    for file in (storage.root / "runs/p/r/s/t/x/output").iterdir():
        file.unlink()
    assert results.find_in_cache(storage, KEY) is None


def test_a_cache_that_can_not_be_written_does_not_fail_the_step(
    storage: LocalStorage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write("cache", b"a file where a folder should be")
    with pytest.raises(ArtifactError):
        storage.write(cache_path(KEY), b"")
    results.file_in_cache(storage, KEY, "x")
    assert "the result is not filed in the cache: " in caplog.text


def test_a_cached_result_keeps_the_origin_of_the_first_one() -> None:
    first = results.adopted(manifest(run_name="2"), manifest(metadata={"a": 1}), "prefix/1")
    second = results.adopted(manifest(run_name="3"), first, "prefix/2")
    assert (second.run_name, second.cached_from, second.metadata) == ("3", "prefix/1", {"a": 1})


def plan(**values: Any) -> StepPlan:
    step = {
        "name": "s",
        "source": "m:s",
        "code_hash": "c",
        "outputs": [{"name": "output", "type": "int"}],
        **values,
    }
    return StepPlan(DeploymentPlan("d", {}), step)


@pytest.mark.parametrize(
    "values",
    [
        {"code_hash": "other"},
        {"source": "m:other"},
        {"outputs": [{"name": "renamed", "type": "int"}]},
        {"outputs": [{"name": "output", "type": "int", "materializer": "m:M"}]},
        {"docker_settings": {"requirements": ["pandas"]}},
        {"docker_settings": {"parent_image": "python:3.12"}},
    ],
)
def test_all_that_decides_a_result_is_in_the_key(values: dict[str, Any]) -> None:
    assert results.cache_key(plan(), {}) != results.cache_key(plan(**values), {})


def test_what_does_not_decide_a_result_is_not() -> None:
    others = {
        "name": "t",
        "doc": "text",
        "upstream": ["a"],
        "task": {"retries": 3},
        "resource_settings": {"cpu_count": 1},
    }
    assert results.cache_key(plan(), {}) == results.cache_key(plan(**others), {})


def test_inputs_are_in_the_key() -> None:
    keys = {results.cache_key(plan(), {"x": {"value": value}}) for value in (1, 1.0, "1", None, [1])}
    assert len(keys | {results.cache_key(plan(), {})}) == 6
