from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.models.paths import (
    cache_path,
    execution_info_path,
    run_folder,
    split_execution_info_uri,
    step_run_folder,
)

names = st.text(st.characters(exclude_categories=()), max_size=40)
stores = st.sampled_from(
    ["file:///data/artifacts", "s3://bucket", "s3://bucket/runs/a/b", "file:///", "gs://b/x y%20é", "/runs"]
)


@given(stores, names, names, names)
def test_the_store_is_found_again_in_the_address_of_an_execution_info(
    store: str, pipeline: str, run: str, step: str
) -> None:
    path = execution_info_path(step_run_folder(pipeline, run, step, "f" * 20), 3)
    separator = "" if store.endswith("/") else "/"
    found, rest = split_execution_info_uri(f"{store}{separator}{path}")
    assert rest == path
    assert found.rstrip("/") == store.rstrip("/")


@pytest.mark.parametrize("uri", ["", "file:///a", "s3://b/runs/p/r/s/t", "file:///x/other/p/r/s/t/e.json"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is no address of an execution info"):
        split_execution_info_uri(uri)


def test_a_step_never_takes_the_place_of_a_document_of_the_run() -> None:
    for name in ("run.json", "end.json", "run-0123456789abcdef.json"):
        assert not step_run_folder("p", "r", name, "t").startswith(f"{run_folder('p', 'r')}/{name}")


def test_cache_entries_are_spread_over_folders() -> None:
    assert cache_path("abcdef") == "cache/ab/abcdef.json"
