"""The documentation as a site: it builds, its links lead somewhere, and it asks nothing of other hosts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.documents import ROOT

# What a browser fetches by itself; a link that a reader follows is something else.
_FETCHED = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=["']?([^"'\s>]+)""")
_FETCHED_BY_STYLE = re.compile(r"""(?:url\(|@import\s+)["']?((?:https?:)?//[^"')]+)""")
_BARE_LIST = re.compile(r"<p>(?:(?!</p>).)*^[*-] ", re.MULTILINE | re.DOTALL)


def build(configuration: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-f",
            str(configuration),
            "-d",
            str(site),
        ],
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_page_asks_no_other_host_for_anything(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text(encoding="utf-8")
        foreign = [each for each in _FETCHED.findall(text) if each.startswith(("http:", "https:", "//"))]
        assert not foreign, page
        # The theme fetches its own copy of Mermaid from elsewhere; pictures are SVG files here.
        assert 'class="mermaid"' not in text, page
    for style in site.rglob("*.css"):
        assert not _FETCHED_BY_STYLE.findall(style.read_text(encoding="utf-8")), style


def test_lists_are_lists(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = _BARE_LIST.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page}: put an empty line before the list: {found and found[0]}"


def test_no_code_that_writes_pages_is_published(site: Path) -> None:
    assert not (site / "generate").exists()
    assert not list(site.rglob("__pycache__"))


@pytest.mark.parametrize("link", ["missing.md", "tutorial.md#no-such-heading", "/absolute.md"])
def test_a_dead_link_fails_the_build(tmp_path: Path, link: str) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs" / "index.md").open("a", encoding="utf-8") as file:
        file.write(f"\nSee [there]({link}).\n")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode == 1
    assert link.partition("#")[0] in done.stderr
