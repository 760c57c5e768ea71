"""Fixtures of all tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.project import UserProject

# How long a test takes is no test: on a busy disk, any of them may take long.
hypothesis.settings.register_profile("pipes", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("pipes")


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
    # A shell that starts this in its background has SIGINT ignored, and so would all that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Tests that share something expensive, or can't run beside each other, by where they are. The marker
# xdist_group means this, and pytest-xdist 3.8 ignores it without a word under pytest 9.2.
_TOGETHER = ("tests/airflow/", "tests/typing/", "tests/test_golden.py")


# Of tests/airflow, these share no server with the others, and need not wait for them.
_APART = tuple(
    f"tests/airflow/test_{name}.py"
    for name in (
        "dag_test",
        "extensions",
        "generated_files",
        "parameters",
        "store_connection",
        "templates",
        "texts",
    )
)


class _Grouped(LoadScopeScheduling):  # type: ignore[misc]
    def schedule(self) -> None:
        # By themselves, those on the engines come in an order of their own; others, the largest group first.
        for collection in self.registered_collections.values():
            if all(nodeid.startswith("tests/engines/") for nodeid in collection):
                self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        # Those on the engines share an Airflow by file, or a project whose images take a while to build.
        if nodeid.startswith((*_APART, "tests/engines/")):
            return nodeid.partition("::")[0]
        return next((group for group in _TOGETHER if nodeid.startswith(group)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return _Grouped(config, log) if config.getvalue("dist") == "loadgroup" else None


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
