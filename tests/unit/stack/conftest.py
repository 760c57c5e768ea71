from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.stack.flavors import CustomStepOperator


@pytest.fixture(autouse=True)
def _forget_calls() -> Iterator[None]:
    yield
    CustomStepOperator.calls.clear()
    CustomStepOperator.failing.clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, str]], None]:
    """Return a function that installs a package with flavor entry points."""

    def put(package: str, points: dict[str, str]) -> None:
        site = tmp_path / f"site-{package}"
        folder = site / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[airflow_provider_pipes.flavors]", *lines, ""]))
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()

    return put


@pytest.fixture
def pipes_toml(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a project's pipes.toml and returns the project's folder."""

    def write(text: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "pipes.toml").write_text(text, encoding="utf-8")
        return folder

    return write
