"""The reference pages: current, complete, and the same wherever they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from airflow_provider_pipes.cli.application import app
from airflow_provider_pipes.stack.builtin import BUILT_IN_FLAVORS
from airflow_provider_pipes.stack.project import RESERVED_VARIABLES
from docs.generate.configuration import VARIABLES
from docs.generate.docstrings import parsed
from docs.generate.fields import fields_table
from docs.generate.markdown import plain, table
from tests.examples.documents import REFERENCE, ROOT


def generate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "docs.generate", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    assert generate("--folder", str(folder)).returncode == 0
    return folder


def test_the_pages_are_current() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stderr


def test_a_stale_page_and_a_missing_one_are_named(written: Path, tmp_path: Path) -> None:
    for page in written.iterdir():
        (tmp_path / page.name).write_bytes(page.read_bytes())
    (tmp_path / "cli.md").write_text("# Nothing\n", encoding="utf-8")
    (tmp_path / "errors.md").unlink()
    done = generate("--check", "--folder", str(tmp_path))
    assert done.returncode == 1
    named = re.findall(r"^stale: .*/(\w+\.md)$", done.stderr, re.MULTILINE)
    assert named == ["cli.md", "errors.md"]
    assert (tmp_path / "cli.md").read_text(encoding="utf-8") == "# Nothing\n"


def test_the_pages_depend_on_nothing_around_them(written: Path, tmp_path: Path) -> None:
    around = {
        "COLUMNS": "40",
        "PYTHONHASHSEED": "7",
        "AIRFLOW_HOME": "/nowhere",
        "PIPES_STACKS__X__ORCHESTRATOR": "y",
    }
    assert generate("--folder", str(tmp_path), **around).returncode == 0
    for page in written.iterdir():
        assert (tmp_path / page.name).read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, f"{path} {name}")


def test_every_command_option_and_argument_has_a_description() -> None:
    for path, command in walk(typer.main.get_command(app), "pipes"):
        assert command.hidden or command.help, path
        for parameter in command.params:
            assert parameter.help, f"{path}: {parameter.opts}"


def test_every_command_has_a_section() -> None:
    headings = (REFERENCE / "cli.md").read_text(encoding="utf-8").splitlines()
    for path, command in walk(typer.main.get_command(app), "pipes"):
        assert command.hidden or f"## {path}" in headings or f"### {path}" in headings, path


def test_every_variable_that_the_code_names_is_documented() -> None:
    found = set(RESERVED_VARIABLES)
    for file in (ROOT / "airflow_provider_pipes").rglob("*.py"):
        found |= set(re.findall(r'"(PIPES_[A-Z]+(?:_[A-Z]+)*)"', file.read_text(encoding="utf-8")))
    assert found == set(VARIABLES)


def test_every_built_in_flavor_has_a_section() -> None:
    headings = (REFERENCE / "configuration.md").read_text(encoding="utf-8").splitlines()
    for kind, flavors in BUILT_IN_FLAVORS.items():
        for name in flavors:
            assert f"#### {kind.label} `{name}`" in headings


def test_a_field_without_documentation_is_an_error() -> None:
    class Undocumented(BaseModel):
        """A model that says nothing of its field."""

        field: int = 1

    with pytest.raises(LookupError, match=r"Undocumented\.field is in no 'Attributes:' section"):
        fields_table(Undocumented)


def test_a_docstring_is_taken_apart() -> None:
    made = parsed(
        """Do something.

        More of it.

        Args:
            one: First, which goes
                on.
            two: Second: with a colon.

        Raises:
            ValueError: no.
        """
    )
    assert made.prose == "Do something.\n\nMore of it."
    assert made.sections == {
        "Args": {"one": "First, which goes on.", "two": "Second: with a colon."},
        "Raises": {"ValueError": "no."},
    }


def test_text_is_shown_as_it_is_written() -> None:
    assert plain("a <b> *c* `<d>` ``e``") == r"a \<b\> \*c\* `<d>` `e`"
    assert plain("As in::\n\n    a = 1\n\nthen more") == "As in:\n\n```python\na = 1\n```\n\nthen more"
    assert table(("A",), [("x | y",)]) == "| A |\n| --- |\n| x \\| y |"
