"""What the pages tell authors to write keeps the contracts that the pages tell them to test it by."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.documents import DOCUMENTS, README, REFERENCE, ROOT, blocks
from tests.testing.suites import run_tests

pytest_plugins = ["pytester"]

# What is derived from these has a suite, whose attribute names it.
_BASES = {
    "BaseOrchestratorFlavor": "flavor",
    "BaseStepOperatorFlavor": "flavor",
    "BaseArtifactStoreFlavor": "flavor",
    "Materializer": "materializer",
}
_WITHOUT = {
    "ClusterStepOperatorFlavor": "its implementation needs a package that nobody has",
    "HastyStepOperatorFlavor": "the page shows what is wrong with it",
}
# Of pages that show no suite.
_SUITES = {
    ROOT / "docs" / "authoring.md": """
from airflow_provider_pipes.testing import MaterializerContract
from example import Grid, GridMaterializer


class TestGridMaterializer(MaterializerContract):
    materializer = GridMaterializer
    samples = (Grid("..#.."), Grid(""), Grid("é\\r\\n"))
    detects_damage = False

    def equal(self, one, other):
        return one.cells == other.cells
""",
    ROOT / "docs" / "zenml-users.md": """
from airflow_provider_pipes.testing import OrchestratorContract
from direct import DirectOrchestratorFlavor
from older import OlderOrchestratorFlavor


class TestDirectOrchestrator(OrchestratorContract):
    flavor = DirectOrchestratorFlavor


class TestOlderOrchestrator(OrchestratorContract):
    flavor = OlderOrchestratorFlavor
""",
}


def _modules(page: Path) -> dict[str, str]:
    """Return the modules of a page by their file names; those without one are pipelines of their own."""
    return {
        block.title or "example.py": block.text
        for block in blocks("python", documents=(page,))
        if block.title or "Materializer)" in block.text
    }


def _classes(page: Path) -> Iterator[ast.ClassDef]:
    for text in (*_modules(page).values(), _SUITES.get(page, "")):
        yield from (each for each in ast.parse(text).body if isinstance(each, ast.ClassDef))


def _to_be_tested(page: Path) -> set[str]:
    found = (
        each for each in _classes(page) if {getattr(base, "id", "") for base in each.bases} & set(_BASES)
    )
    return {each.name for each in found} - set(_WITHOUT)


def _tested(page: Path) -> set[str]:
    assignments = (piece for each in _classes(page) for piece in each.body if isinstance(piece, ast.Assign))
    return {
        piece.value.id
        for piece in assignments
        if isinstance(piece.value, ast.Name) and ast.unparse(piece.targets[0]) in _BASES.values()
    }


_PAGES = [
    page
    for page in DOCUMENTS
    if page not in (README, ROOT / "docs" / "tutorial.md")
    and REFERENCE not in page.parents
    and _to_be_tested(page)
]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_has_a_suite(page: Path) -> None:
    # Those that a page shows are run by tests/docs/test_pages.py, as the page says.
    assert _to_be_tested(page) <= _tested(page)


@pytest.mark.parametrize("page", _SUITES, ids=lambda page: page.name)
def test_what_a_page_shows_without_a_suite_keeps_the_contract(page: Path, pytester: pytest.Pytester) -> None:
    for name, text in _modules(page).items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    pytester.makepyfile(test_page=_SUITES[page])
    _, outcomes = run_tests(pytester, "test_page.py")
    assert {each.message for each in outcomes if each.state not in ("passed", "skipped")} == set()
    assert any(each.state == "passed" for each in outcomes)
