from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.errors import IntegrityError, SchemaVersionError
from airflow_provider_pipes.models.documents import (
    Document,
    ExecutionInfo,
    Failure,
    Manifest,
    OutputReference,
    RunRecord,
)

texts = st.text(st.characters(exclude_categories=()), max_size=30)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def reference(**fields: Any) -> OutputReference:
    values = {"path": "p", "uri": "u", "materializer": "m", "type": "int", "size": 1, "sha256": "0" * 64}
    return OutputReference(**{**values, **fields})


def documents() -> list[Document]:
    common: dict[str, Any] = {"step": "s", "token": "t", "started": 1.5, "seconds": 0.1}
    return [
        reference(),
        ExecutionInfo(
            deployment_id="d", pipeline="p", step="s", run_name="r", token="t", prefix="runs/p/r/s/t"
        ),
        Manifest(
            **common, pipeline="p", run_name="r", outputs={"o": reference().to_mapping()}, code_hash="c"
        ),
        Failure(**common, attempt=1, type="E", message="m", traceback="t", reason="exception"),
        RunRecord(pipeline="p", run_name="r", deployment_id="d", started=1.0, origin="local", nonce="n"),
    ]


def kind(document: Document) -> str:
    return type(document).__name__


@pytest.mark.parametrize("document", documents(), ids=kind)
def test_a_document_comes_back_from_its_json(document: Document) -> None:
    assert type(document).from_json(document.to_json()) == document


@pytest.mark.parametrize("document", documents(), ids=kind)
def test_fields_of_another_version_are_ignored(document: Document) -> None:
    values = {**document.to_mapping(), "added_later": 1}
    assert type(document).from_json(json.dumps(values).encode()) == document


@pytest.mark.parametrize("version", [2, 99, "2", None, 1.5])
@pytest.mark.parametrize("document", documents(), ids=kind)
def test_a_newer_document_is_refused_in_one_sentence(document: Document, version: object) -> None:
    values = {**document.to_mapping(), "schema_version": version}
    with pytest.raises(
        SchemaVersionError, match=f"this .* has schema version {version!r} and this"
    ) as caught:
        type(document).from_json(json.dumps(values).encode())
    assert "\n" not in str(caught.value)
    assert "upgrade airflow-provider-pipes where it is read" in str(caught.value)


def test_the_kind_is_told_as_a_person_says_it() -> None:
    with pytest.raises(SchemaVersionError, match="this execution info has schema version 2"):
        ExecutionInfo.from_json(b'{"schema_version": 2}')


DAMAGED = [b"", b"{", b"[]", b"3", b"null", b'"text"', b"{}", b"\xff\xfe", b"\x00" * 9, b"[" * 100_000]


@pytest.mark.parametrize("data", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("kind", [Manifest, ExecutionInfo, RunRecord, Failure, OutputReference])
def test_a_damaged_document_is_told_as_one(kind: type[Document], data: bytes) -> None:
    with pytest.raises(IntegrityError, match="in the artifact store is damaged"):
        kind.from_json(data)


@given(json_values)
def test_values_in_an_execution_info_come_back_exactly_and_in_their_order(value: Any) -> None:
    info = ExecutionInfo(
        deployment_id="d",
        pipeline="p",
        step="s",
        run_name="r",
        token="t",
        prefix="x",
        inputs={"i": {"value": value}},
    )
    back = ExecutionInfo.from_json(info.to_json()).inputs["i"]["value"]
    assert repr(back) == repr(value)  # also tells 1 from 1.0 and True, and one order of keys from another


def test_a_manifest_gives_its_outputs_as_references() -> None:
    manifest = documents()[2]
    assert isinstance(manifest, Manifest)
    assert manifest.references() == {"o": reference()}
