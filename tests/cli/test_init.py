"""`pipes init`: what it writes works, and what it refuses."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from airflow_provider_pipes.starter.files import name_problem, starter_files, suggested_name
from tests.cli.conftest import Done, Project

FILES = [".gitignore", "README.md", "pipelines.py", "pipes.toml", "test_pipelines.py"]


def commands_of(text: str) -> list[list[str]]:
    """Return the commands of a README, without the prompt."""
    return [line[2:].split() for line in text.splitlines() if line.startswith("$ ")]


def written(project: Project, folder: str = ".") -> list[str]:
    return sorted(each.name for each in (project.root / folder).iterdir() if each.name != "pyproject.toml")


@pytest.fixture
def started(project: Project) -> Project:
    done = project.pipes("init", "--name", "days_off")
    assert done.code == 0, done.err
    return project


def test_it_writes_a_project_and_says_what_to_do_next(project: Project) -> None:
    done = project.pipes("init", "shop floor")

    assert (done.code, done.err) == (0, "")
    assert written(project, "shop floor") == FILES
    assert [f"created  shop floor/{name}" in done.out for name in FILES] == [True] * 5
    assert "  cd 'shop floor'\n" in done.out
    assert "def shop_floor(" in (project.root / "shop floor" / "pipelines.py").read_text()


def test_the_commands_that_it_says_come_next_work(started: Project) -> None:
    said = started.pipes("init", "again").out.partition("next:\n")[2].splitlines()
    commands = [re.split(r"\s{2,}", line.strip())[0].split() for line in said]
    assert [each[0] for each in commands] == ["cd", "pipes", "pipes", "pipes", "pytest", "pipes"]

    for command in commands[1:]:
        done = run(started, command, cwd=started.root / "again")
        assert done.code == 0, (command, done)
    assert (started.root / "again" / "dags" / "again.py").is_file()


def run(project: Project, command: list[str], cwd: Path) -> Done:
    """Run a command that a text shows, but for an Airflow: that `pipes up` works is shown elsewhere."""
    if command == ["pytest"]:
        return project.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=cwd)
    assert command[0] == "pipes"
    if command == ["pipes", "up"]:
        return project.pipes("up", "--help", cwd=cwd)
    return project.pipes(*command[1:], cwd=cwd)


def test_the_commands_of_its_readme_work(started: Project) -> None:
    commands = commands_of((started.root / "README.md").read_text())
    assert len(commands) == 8

    for command in commands:
        if command[0] == "pip":
            continue
        done = run(started, command, started.root)
        assert done.code == 0, (command, done)


def test_the_pipeline_finds_what_was_hidden_and_caches_the_rest(started: Project) -> None:
    first = started.pipes("run", "pipelines.py")
    second = started.pipes("run", "pipelines.py", "--param", "threshold=2")

    assert re.search(r"^[1-9]\d* unusual days of 365$", first.out, re.MULTILINE)
    assert "2 run, 2 from the cache" in second.out


def test_the_project_is_clean_for_linters(started: Project) -> None:
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict", "."]):
        done = started.run([sys.executable, "-m", *command], {"RUFF_NO_CACHE": "true"})
        assert done.code == 0, done.out + done.err


def test_airflow_loads_the_deployed_file(started: Project, tmp_path: Path) -> None:
    assert started.pipes("deploy", "pipelines.py").code == 0
    load = (
        "from airflow.dag_processing.dagbag import DagBag\n"
        "bag = DagBag('dags')\n"
        "print('LOADED', sorted(bag.dags), bag.import_errors)"
    )
    done = started.run([sys.executable, "-c", load], {"AIRFLOW_HOME": str(tmp_path / "airflow")})

    assert "LOADED ['days_off'] {}" in done.out, done.err


def test_its_configuration_is_as_the_comments_say(started: Project) -> None:
    text = (started.root / "pipes.toml").read_text()
    (started.root / "pipes.toml").write_text(
        re.sub(r"^# (?=\[|\w+ = |\w+ *= \")", "", text, flags=re.MULTILINE)
    )

    done = started.pipes("deploy", "pipelines.py")

    assert done.code == 0, done.err
    assert (started.root / "dags" / "staging_days_off.py").is_file()


def test_files_that_are_there_are_all_listed_and_stay(project: Project) -> None:
    project.write("test_pipelines.py", "mine")
    project.write("README.md", "mine")
    (project.root / "pipes.toml").symlink_to("nowhere")
    before = project.tree()

    done = project.pipes("init", "--name", "days_off")

    assert done.code == 6
    assert "would replace, so nothing was written:\n  - pipes.toml\n  - test_pipelines.py\nmove" in done.err
    assert project.tree() == before


def test_what_a_fresh_repository_has_is_kept(project: Project) -> None:
    project.write("README.md", "mine")
    project.write(".gitignore", "*.log\n")

    done = project.pipes("init", "--name", "days_off")

    assert done.code == 0, done.err
    assert "kept     README.md, which was there\n" in done.out
    assert "kept     .gitignore, which was there\n" in done.out
    assert done.out.count("created  ") == 3
    assert (project.root / "README.md").read_text() == "mine"
    assert (project.root / ".gitignore").read_text() == "*.log\n"


def test_a_folder_whose_name_is_too_long_is_told(project: Project) -> None:
    before = project.tree()
    done = project.pipes("init", "a" * 300)
    assert done.code == 6
    assert "file name too long; nothing was written: name another folder" in done.err
    assert project.tree() == before


@pytest.mark.parametrize(
    ("folder", "name"), [("ünïcode", "unicode"), ("Größe", "grosse"), ("été-2026", "ete_2026")]
)
def test_letters_lose_their_accents_and_stay(folder: str, name: str) -> None:
    assert suggested_name(folder) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Shop", "small letters"),
        ("1st", "a letter first"),
        ("a-b", "small letters"),
        ("../x", "small letters"),
        ("class", "a word of Python's own"),
        ("json", "the name of another module"),
        ("pipelines", "the name of another module"),
        ("smooth", "a step of the starter"),
        ("x" * 61, "at most 60"),
    ],
)
def test_a_name_that_can_not_be_is_refused_with_one_that_can(project: Project, name: str, why: str) -> None:
    before = project.tree()

    done = project.pipes("init", "new", "--name", name)

    assert done.code == 6
    assert why in done.err
    assert project.tree() == before
    suggested = done.err.rpartition("--name ")[2].strip()
    assert name_problem(suggested) is None


@pytest.mark.parametrize(
    "text", ["", "Größe", "2026-report", "pipelines", "My Shop!", "x" * 300, "smooth", "日本"]
)
def test_a_folder_of_any_name_gives_a_valid_one(text: str) -> None:
    assert name_problem(suggested_name(text)) is None


def test_a_file_in_the_way_of_the_folder_is_named(project: Project) -> None:
    project.write("file", "")
    before = project.tree()

    done = project.pipes("init", "file/below")

    assert done.code == 6
    assert f"{project.root / 'file'} is no folder" in done.err
    assert project.tree() == before


def test_all_is_written_or_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_pipes.cli import init as command
    from airflow_provider_pipes.errors import ConfigurationError

    # The second file can't be written: its folder is not there.
    files = {"pipes.toml": "", "missing/pipelines.py": ""}
    with pytest.raises(ConfigurationError, match="no such file or directory; nothing was written"):
        command._write(project.root / "deep" / "new", files)

    assert not (project.root / "deep").exists()


def test_every_template_is_filled_in_whole() -> None:
    for path, text in starter_files("days_off").items():
        assert "%name%" not in text, path
        assert text.endswith("\n")
        assert max(map(len, text.splitlines())) <= 120


def test_the_folder_here_is_the_default(project: Project) -> None:
    done = project.pipes("init")

    assert done.code == 0, done.err
    assert written(project) == FILES
    assert "  cd " not in done.out
    assert os.access(project.root / "pipelines.py", os.R_OK)
