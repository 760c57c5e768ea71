"""The JSON documents that a step run reads and writes: execution info, manifest, failure, references.

Plain dataclasses on the standard library: a step container reads them before anything else, and
pydantic alone would double its start. They outlive a version, so unknown fields are
ignored and a newer ``schema_version`` is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from airflow_provider_pipes.errors import IntegrityError, SchemaVersionError

SCHEMA_VERSION = 1


def check_schema_version(kind: str, document: Mapping[str, Any]) -> None:
    """Refuse a document that a newer version of the package wrote.

    Raises:
        SchemaVersionError: its ``schema_version`` is above ours.
    """
    found = document.get("schema_version", SCHEMA_VERSION)
    if not isinstance(found, int) or found > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"this {kind} has schema version {found!r} and this airflow-provider-pipes reads up to "
            f"{SCHEMA_VERSION}: upgrade airflow-provider-pipes where it is read"
        )


@dataclass(frozen=True, kw_only=True)
class Document:
    """Base of the documents: to and from JSON, unknown fields ignored."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build the document from decoded JSON, ignoring fields of other versions."""
        check_schema_version(cls.kind(), values)
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Build the document from JSON text.

        Raises:
            IntegrityError: it is no such document; after a power cut a file can be there and be empty.
            SchemaVersionError: a newer version wrote it.
        """
        try:
            return cls.from_mapping(json.loads(data))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(
                f"this {cls.kind()} in the artifact store is damaged ({error}): remove it, or clear the "
                "task, so that the step runs again"
            ) from None

    @classmethod
    def kind(cls) -> str:
        """Return how an error names such a document."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()

    def to_mapping(self) -> dict[str, Any]:
        """Return the document as JSON-able values."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    def to_json(self) -> bytes:
        """Return the document as JSON text a person can read."""
        # Keys are not sorted: a dict among the values comes back in the order that its user gave it.
        return json.dumps(self.to_mapping(), indent=1).encode("ascii")


@dataclass(frozen=True, kw_only=True)
class OutputReference(Document):
    """What travels between steps instead of a value, small enough for XCom.

    ``path`` is relative to the artifact store, so that a store may be mounted elsewhere for the
    reader; ``uri`` is the whole address, for people.
    """

    path: str
    uri: str
    materializer: str
    type: str
    size: int
    sha256: str
    preview: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutionInfo(Document):
    """All that a step run is told, in every mode.

    Attributes:
        deployment_id: SHA-256 of the deployment document.
        step: Name of the step in the pipeline.
        run_name: Airflow's run id, or the local run's name.
        token: Names this step run's result; attempts share it.
        attempt: 1 for the first try.
        inputs: For each input of the step, one of ``{"value": …}`` (a JSON value) and
            ``{"reference": …}`` (an OutputReference).
        prefix: Folder of this token in the store.
        cache_key: Key to file the result under, or None where caching is off.
    """

    deployment_id: str
    pipeline: str
    step: str
    run_name: str
    token: str
    attempt: int = 1
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    prefix: str
    cache_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest(Document):
    """One result of a step run; written last, once, and only when everything it names is there.

    Attributes:
        outputs: For each output name, an OutputReference as a mapping.
        metadata: What the step logged with ``get_step_context().log_metadata``.
        started: Seconds since the epoch, UTC.
        seconds: Wall time of loading inputs, the user's function and storing outputs.
        cached_from: Prefix of the step run whose result this is, where the cache had it.
        code_hash: The step's code closure.
    """

    pipeline: str
    run_name: str
    step: str
    token: str
    outputs: dict[str, dict[str, Any]]
    metadata: dict[str, Any] = field(default_factory=dict)
    started: float
    seconds: float
    cache_key: str | None = None
    cached_from: str | None = None
    code_hash: str
    deployment_id: str = ""
    attempt: int = 1
    image: str | None = None
    host: str = ""
    resources: dict[str, Any] = field(default_factory=dict)
    python: str = ""

    def references(self) -> dict[str, OutputReference]:
        """Return the outputs as references."""
        return {name: OutputReference.from_mapping(each) for name, each in self.outputs.items()}


@dataclass(frozen=True, kw_only=True)
class Failure(Document):
    """What a failed attempt leaves behind; it never leaves a manifest."""

    step: str
    token: str
    attempt: int
    type: str
    message: str
    traceback: str
    reason: str
    started: float
    seconds: float
    host: str = ""


@dataclass(frozen=True, kw_only=True)
class RunRecord(Document):
    """One execution of a pipeline, pinned to the deployment that it began with."""

    pipeline: str
    run_name: str
    deployment_id: str
    started: float
    origin: str
    nonce: str
    parameters: dict[str, Any] = field(default_factory=dict)
    host: str = ""
    pid: int = 0
