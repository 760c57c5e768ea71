"""The pages that show files and commands, done word for word: each in an empty project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.reader import Reader
from tests.docs.test_tutorial import TUTORIAL
from tests.examples.documents import DOCUMENTS, ROOT, blocks

PAGES = [
    each for each in DOCUMENTS if each != TUTORIAL and any(block.title for block in blocks(documents=(each,)))
]


# This one tests a DAG on a real Airflow.
WITH_AIRFLOW = {ROOT / "docs" / "how-to" / "testing.md"}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=[pytest.mark.airflow] if page in WITH_AIRFLOW else [],
            id=str(page.relative_to(ROOT)),
        )
        for page in PAGES
    ],
)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "reader")
    reader.follow(page)
    assert reader.done, f"{page} shows files and no command"


def test_every_how_to_is_among_them() -> None:
    assert set((ROOT / "docs" / "how-to").glob("*.md")) <= set(PAGES)
