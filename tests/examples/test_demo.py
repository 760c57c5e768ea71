"""`make demo`, with a real Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.documents import README, ROOT, blocks
from tests.examples.test_digits import PNG_SIGNATURE, STEPS


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A caller whose own Airflow and store would lead the demo astray, if it looked at them.
    hostile = {
        "AIRFLOW_HOME": "/nonexistent",
        "AIRFLOW__CORE__DAGS_FOLDER": "/nonexistent",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/airflow.db",
        "PIPES_ARTIFACT_STORES__LOCAL__PATH": "/nonexistent",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "docs/examples/demo.py"), *arguments],
        env={**os.environ, **hostile},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )


def rows(text: str) -> list[list[str]]:
    """Return the tables' rows without the seconds."""
    cells = [line.split() for line in text.splitlines() if line.startswith("  ")]
    return [[row[0], row[1], *row[3:]] for row in cells if len(row) > 1 and row[0] in STEPS]


@pytest.mark.airflow
def test_the_demo_runs_the_dag_file_twice_and_shows_results_then_cache_hits(tmp_path: Path) -> None:
    done = demo("--home", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = done.stdout.split("run it again")
    assert rows(first) == [[step, "success", "miss"] for step in STEPS]
    assert rows(second) == [[step, "success", "hit"] for step in STEPS]
    facts = {line.split()[0]: line.split()[1] for line in first.splitlines() if line.startswith("  ")}
    assert float(facts["Accuracy"].rstrip("%")) > 90
    assert Path(facts["Picture"]).read_bytes().startswith(PNG_SIGNATURE)
    assert (tmp_path / "demo" / "dags" / "digits.py").is_file()
    (shown,) = [each.text for each in blocks("text", documents=(README,)) if "Cache" in each.text]
    assert rows(shown) == rows(second)


@pytest.mark.airflow
def test_a_demo_that_fails_shows_the_step_and_the_end_of_the_log(tmp_path: Path) -> None:
    broken = tmp_path / "digits.py"
    text = (ROOT / "docs/examples/digits.py").read_text(encoding="utf-8")
    broken.write_text(text.replace("accuracies.index(", "accuracies.missing("), encoding="utf-8")
    done = demo("--home", str(tmp_path / "demo"), "--example", str(broken))
    assert done.returncode == 1
    assert ["choose", "failed"] in rows(done.stdout)
    assert "AttributeError: 'list' object has no attribute 'missing'" in done.stderr
    assert "first-run.log" in done.stderr


def test_the_demo_empties_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    done = demo("--home", str(tmp_path))
    assert done.returncode == 1
    assert "name another folder with --home" in done.stderr
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"
