from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack import load_project

Write = Callable[[str], Path]


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_project(folder)
    return str(caught.value)


def test_invalid_toml_is_told_with_file_line_and_column(pipes_toml: Write) -> None:
    folder = pipes_toml("active_stack = 'a'\n[stacks.a\n")
    message = refusal(folder)
    assert message.startswith(f"{folder}/pipes.toml is no valid TOML: ")
    assert "line 2, column 10" in message


def test_a_file_that_is_no_text_is_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "pipes.toml").write_bytes(b"active_stack = 'default'\n# caf\xe9\n")
    assert refusal(tmp_path) == (
        f"{tmp_path}/pipes.toml, line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"
    )


def test_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "pipes.toml").write_bytes(b"\xef\xbb\xbfactive_stack = 'default'\n")
    assert load_project(tmp_path).active_stack == "default"


def test_a_folder_called_pipes_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "pipes.toml").mkdir()
    assert refusal(tmp_path) == f"can't read {tmp_path}/pipes.toml: Is a directory"


def test_a_dangling_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "pipes.toml").symlink_to(tmp_path / "gone.toml")
    said = f"can't read {tmp_path}/pipes.toml: it is a link to {tmp_path}/gone.toml, which is not there"
    assert refusal(tmp_path) == said


def test_every_problem_of_the_shape_is_reported_at_once(pipes_toml: Write) -> None:
    folder = pipes_toml(
        """\
activ_stack = "team"
stacks.team.artifact_store = 3
[orchestrators]
local = "local"
[orchestrators.other]
flavour = "local"
[artifact_stores."my data"]
flavor = ""
[settings.resources]
memory = "much"
gpus = 1
[settings.task]
retries = -1
[flavors.operator]
x = "a:B"
"""
    )
    headline, *found = refusal(folder).splitlines()
    assert headline == f"{folder}/pipes.toml is not valid:"
    expected = [
        "[stacks.team] orchestrator: missing; give it a value",
        "line 2, [stacks.team] artifact_store: expected text, got 3",
        "line 4, [orchestrators.local]: expected a table, got 'local'",
        "line 5, [orchestrators.other] flavor: missing; give it a value",
        "line 8, [artifact_stores.my data] flavor: expected text that is not empty, got ''",
        "line 14, [flavors.operator]: expected 'orchestrator', 'artifact_store', 'step_operator', 'image_b",
        "line 10, [settings.resources] memory: 'much' is no amount of memory; write it as '512MB'",
        "line 11, [settings.resources] gpus: unknown field; known: cpu_count, memory, gpu_count, gpu_type",
        "line 13, [settings.task] retries: expected at least 0, got -1",
        "line 1, activ_stack: unknown field (did you mean 'active_stack'?); known: active_stack, stacks",
    ]
    # ``flavour`` is among a component's own fields, which wait for a flavor to check them.
    assert [line[4 : 4 + len(start)] for line, start in zip(found, expected, strict=True)] == expected


def test_one_step_operator_must_be_a_list_too(pipes_toml: Write) -> None:
    folder = pipes_toml("[stacks.default]\nstep_operators = 'gpu'\n")
    assert "line 2, [stacks.default] step_operators: expected a list, got 'gpu'" in refusal(folder)


def test_an_item_of_a_list_is_told_by_its_place(pipes_toml: Write) -> None:
    folder = pipes_toml("[stacks.default]\nstep_operators = ['gpu', 3]\n")
    assert "line 2, [stacks.default] step_operators[1]: expected text, got 3" in refusal(folder)


def test_a_section_that_is_no_table_is_told(pipes_toml: Write) -> None:
    assert "line 1, orchestrators: expected a table, got 'local'" in refusal(
        pipes_toml("orchestrators = 'local'\n")
    )


def test_a_secret_in_a_wrong_place_is_not_repeated(pipes_toml: Write) -> None:
    folder = pipes_toml("[settings.docker]\npassword = 'hush-hush'\n")
    message = refusal(folder)
    assert "hush" not in message
    assert "credentials never stand in a configuration: name an Airflow connection instead" in message
