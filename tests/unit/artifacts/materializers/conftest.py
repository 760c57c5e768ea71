from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.materializers import materializer_for, materializer_named

RoundTrip = Callable[[Any], tuple[str, Any]]


def store_and_load(value: Any) -> tuple[str, Any]:
    """Return the name of the materializer that was chosen, and what came back."""
    materializer = materializer_for(value)
    with tempfile.TemporaryDirectory() as folder:
        materializer.save(value, Path(folder))
        return materializer.name, materializer_named(materializer.name).load(Path(folder), None)


@pytest.fixture(scope="session")
def round_trip() -> RoundTrip:
    return store_and_load
