"""The reader of the documentation notices when a page is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.reader import Reader, commands_of, pattern, settled, with_parts

MODULE = '''"""A module."""

from one import first


@decorated
def kept() -> int:
    return 1


@decorated
def changed() -> int:
    return 2
'''


def page(folder: Path, text: str) -> Path:
    # Outside of the repository, a block can't say where it is: the path is taken as it is.
    document = folder / "page.md"
    document.write_text(text, encoding="utf-8")
    return document


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr("tests.examples.documents.ROOT", tmp_path)
    return Reader(tmp_path / "reader")


def test_commands_share_a_folder_and_variables(reader: Reader, tmp_path: Path) -> None:
    commands = ["mkdir there", "cd there", 'export WORD="a b"', 'echo "$WORD in ${PWD##*/}"']
    text = "".join(f"$ {command}\n" for command in commands)
    reader.follow(page(tmp_path, f"```console\n{text}a b in there\n```\n"))
    assert len(reader.done) == 4


def test_a_wrong_output_is_told(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="`echo two` printed:\ntwo\n\nand the page shows:\none"):
        reader.follow(page(tmp_path, "```console\n$ echo two\none\n```\n"))


@pytest.mark.parametrize("command", ["false", "no-such-command"])
def test_a_command_that_fails_is_told(reader: Reader, tmp_path: Path, command: str) -> None:
    with pytest.raises(AssertionError, match=f"`{command}` exited with"):
        reader.follow(page(tmp_path, f"```console\n$ {command}\n```\n"))


def test_an_error_that_is_shown_must_happen(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exited with 0"):
        reader.follow(page(tmp_path, "```console\n$ echo 'error: no'\nerror: no\n```\n"))


def test_a_block_with_a_title_is_put_into_its_file(reader: Reader, tmp_path: Path) -> None:
    reader.follow(page(tmp_path, '```toml title="a/pipes.toml"\n[stacks]\n```\n'))
    assert (reader.root / "a" / "pipes.toml").read_text(encoding="utf-8") == "[stacks]\n"


def test_a_part_of_a_module_takes_the_place_of_its_own() -> None:
    changed = "@decorated\ndef changed() -> int:\n    return 3\n"
    part = f"from one import second\n\n\n{changed}\n\ndef new() -> None: ...\n"
    after = with_parts(MODULE, part)
    assert (
        after
        == MODULE.replace("first", "second").replace("return 2", "return 3") + "\n\ndef new() -> None: ...\n"
    )


def test_dots_stand_for_anything_and_durations_for_each_other() -> None:
    assert pattern("load   done     0.00 s\n…\nin …/dags").fullmatch(
        "load   done    12.34 s\nx\ny\nin /tmp/dags\n"
    )
    assert not pattern("load   done     0.00 s").fullmatch("load   cached   0.00 s\n")
    assert settled("a running\na done \n") == "a done\n"


def test_a_command_may_go_on_in_the_next_line() -> None:
    assert commands_of("$ one \\\n    --two\nout\n$ three\n") == [
        ("one \\\n    --two", "out\n"),
        ("three", ""),
    ]
