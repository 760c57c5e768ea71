"""Fixtures of all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import UserProject


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden DAG files instead of comparing with them",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--update-golden is for people: where CI is set, golden files are only compared"
        )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UserProject]:
    """A user's project; what was imported from it is forgotten at the end."""
    monkeypatch.setenv("PIPES_CACHE_DIR", str(tmp_path / "cache"))
    # A module that is changed and imported again within a second would come back from its .pyc.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = UserProject(tmp_path / "project")
    yield made
    made.forget_modules()
