"""What the installer inside an image is told; real builds are in tests/engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.images.inside import install


@pytest.mark.parametrize(("constraints", "given"), [("", False), ("six<2\n", True)])
def test_uv_is_given_constraints_only_where_there_are_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constraints: str, given: bool
) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.asked"\n')
    uv.chmod(0o755)
    for name, text in {"requirements": "six\n", "core": "", "constraints": constraints}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    install.install_with_uv({"PATH": "/usr/bin:/bin"})

    asked = (tmp_path / "uv.asked").read_text().splitlines()
    assert ("-c" in asked) == given
    assert str(tmp_path / "requirements.txt") in asked
