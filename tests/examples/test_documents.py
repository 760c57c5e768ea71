"""The documentation: its code works, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from airflow_provider_pipes.cli.application import app
from airflow_provider_pipes.stack.project import load_project
from tests.examples.conftest import Workplace
from tests.examples.documents import (
    DOCUMENTS,
    README,
    REFERENCE,
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    links,
)

# The tutorial is done from top to bottom by tests/docs/test_tutorial.py; the reference shows signatures.
GUIDES = tuple(
    each
    for each in DOCUMENTS
    if each not in (README, ROOT / "docs/tutorial.md") and REFERENCE not in each.parents
)
UNTITLED = [block for block in blocks("python", documents=GUIDES) if not block.title]


@pytest.mark.parametrize("block", UNTITLED, ids=str)
def test_a_pipeline_in_the_guides_runs_and_can_be_deployed(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "example.py").write_text(block.text, encoding="utf-8")
    (tmp_path / "query.sql").write_text("select 1", encoding="utf-8")
    here = Workplace(tmp_path)
    here.pipes("run", "example.py")
    here.pipes("deploy", "example.py", "--dags-folder", "dags")


def test_authoring_shows_how_a_type_mismatch_is_told(workplace: Workplace) -> None:
    (workplace.root / "mismatch.py").write_text(
        "from airflow_provider_pipes import pipeline, step\n\n\n"
        "@step\ndef load() -> str:\n    return '1'\n\n\n"
        "@step\ndef total(count: int) -> int:\n    return count\n\n\n"
        "@pipeline(name='prices')\ndef mismatch() -> None:\n    total(load())\n",
        encoding="utf-8",
    )
    (block,) = blocks("text", documents=(ROOT / "docs/authoring.md",))
    done = workplace.try_pipes("run", "mismatch.py")
    told = re.sub(r"mismatch\.py:\d+", "prices.py:0", done.stderr)
    assert told.strip() == re.sub(r"prices\.py:\d+", "prices.py:0", block.text).strip()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: str(each.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.is_file(), f"{document}: {link}"
        assert not anchor or anchor in anchors(target), f"{document}: {link}"


def command_lines() -> Iterator[tuple[str, list[str]]]:
    for document, text in commands():
        if text.startswith("pipes ") and text != "pipes runs":
            yield document, shlex.split(text)[1:]


def test_the_documents_name_commands_at_all() -> None:
    named = {arguments[0] for _, arguments in command_lines()}
    assert {"run", "deploy", "undeploy", "graph", "runs", "up", "down", "status"} <= named


@pytest.mark.parametrize(("document", "arguments"), list(command_lines()))
def test_commands_and_their_options_exist(document: str, arguments: list[str]) -> None:
    found: Any = typer.main.get_command(app)
    rest = list(arguments)
    # "…" stands for one of several, and for what can be left out.
    while rest and hasattr(found, "commands") and not rest[0].startswith(("-", "…")):
        name = rest.pop(0)
        assert name in found.commands, f"{document}: there is no command {name!r}"
        found = found.commands[name]
    known = {option for parameter in found.params for option in parameter.opts} | {"--help"}
    given = {argument.partition("=")[0] for argument in rest if argument.startswith("-")}
    # The fields of a component's config are options as well; the pages that give some are executed.
    assert given <= known or "fields" in known, f"{document}: unknown options {given - known}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {text.split()[1] for _, text in commands() if text.startswith("make ")}
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_the_configuration_that_running_shows_is_valid(tmp_path: Path) -> None:
    (block,) = blocks("toml", documents=(ROOT / "docs/running.md",))
    (tmp_path / "pipes.toml").write_text(block.text, encoding="utf-8")
    stack = load_project(tmp_path).stack_for_deploy()
    stack.validate()
    assert stack.name == "team"
    assert stack.artifact_store.flavor == "s3"
