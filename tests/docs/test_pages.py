"""The pages that show files and commands, done word for word: each in an empty project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.testing.dag_files import new_home
from tests.docs.reader import Reader
from tests.docs.test_tutorial import TUTORIAL
from tests.examples.documents import DOCUMENTS, ROOT, blocks

HOW_TO = ROOT / "docs" / "how-to"
# These need a Docker engine or more; tests/engines/test_docs.py follows them.
WITH_ENGINE = frozenset(
    HOW_TO / f"{name}.md" for name in ("docker", "kubernetes", "images", "secrets", "gpus")
)
PAGES = [
    each
    for each in DOCUMENTS
    if each not in WITH_ENGINE
    and each != TUTORIAL
    and any(block.title for block in blocks(documents=(each,)))
]


# These run a DAG on a real Airflow.
WITH_AIRFLOW = {HOW_TO / "testing.md", HOW_TO / "python-environments.md"}


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
    if page in WITH_AIRFLOW:
        home = new_home(tmp_path / "airflow")
        reader.run(f"export AIRFLOW_HOME={home.path} AIRFLOW__CORE__LOAD_EXAMPLES=False")
    reader.follow(page)
    assert reader.done, f"{page} shows files and no command"


def test_every_how_to_is_among_them() -> None:
    assert set(HOW_TO.glob("*.md")) <= {*PAGES, *WITH_ENGINE}
