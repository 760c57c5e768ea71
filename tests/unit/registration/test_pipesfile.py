from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.registration.pipesfile import Draft, edited
from airflow_provider_pipes.registration.stacks import activate_stack


def test_a_new_file_stands_in_the_folder_of_the_command(folder: Path) -> None:
    with edited(folder) as draft:
        draft.set(("active_stack",), "default")
    assert draft.created
    assert draft.path == folder / "pipes.toml"
    assert draft.path.read_text() == 'active_stack = "default"\n'
    mask = os.umask(0)
    os.umask(mask)
    assert draft.path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert os.listdir(folder) == ["pipes.toml"]


def test_the_nearest_file_above_is_the_one_that_is_changed(folder: Path) -> None:
    (folder / "pipes.toml").write_text("# ours\n")
    (folder / "deep" / "er").mkdir(parents=True)
    with edited(folder / "deep" / "er") as draft:
        draft.set(("active_stack",), "default")
    assert (folder / "pipes.toml").read_text() == '# ours\nactive_stack = "default"\n'


def test_a_file_keeps_its_mode_and_its_link(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.toml"
    real.parent.mkdir()
    real.write_text("")
    real.chmod(0o640)
    (folder / "pipes.toml").symlink_to(real)
    with edited(folder) as draft:
        draft.set(("active_stack",), "default")
    assert (folder / "pipes.toml").is_symlink()
    assert real.read_text() == 'active_stack = "default"\n'
    assert real.stat().st_mode & 0o777 == 0o640
    assert os.listdir(real.parent) == ["real.toml"]


def test_a_byte_order_mark_stays(folder: Path) -> None:
    (folder / "pipes.toml").write_bytes(b'\xef\xbb\xbfactive_stack = "x"\r\n[stacks.x]\r\n')
    with pytest.raises(ConfigurationError, match="orchestrator"), edited(folder):
        pass
    (folder / "pipes.toml").write_bytes(b'\xef\xbb\xbfactive_stack = "x"\r\n')
    with edited(folder) as draft:
        draft.set(("active_stack",), "default")
    assert (folder / "pipes.toml").read_bytes() == b'\xef\xbb\xbfactive_stack = "default"\r\n'


def test_what_fails_in_between_leaves_no_trace(folder: Path) -> None:
    def fail(draft: Draft) -> None:
        draft.set(("active_stack",), "default")
        raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"), edited(folder) as draft:
        fail(draft)
    assert os.listdir(folder) == []


def test_a_disk_that_refuses_leaves_the_file_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pipes.toml").write_text("# ours\n")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(
            ConfigurationError, match=r"can't write .*pipes\.toml: No space left.*nothing was changed"
        ),
        edited(folder) as draft,
    ):
        draft.set(("active_stack",), "default")
    assert (folder / "pipes.toml").read_text() == "# ours\n"
    assert os.listdir(folder) == ["pipes.toml"]


def test_a_read_only_file_is_refused_before_anything_is_asked(folder: Path) -> None:
    (folder / "pipes.toml").write_text("# ours\n")
    (folder / "pipes.toml").chmod(0o444)
    with pytest.raises(ConfigurationError, match=r"is read-only.*chmod u\+w"), edited(folder):
        pytest.fail("the block was entered")


def test_a_layout_that_no_command_can_change_is_named(folder: Path) -> None:
    (folder / "pipes.toml").write_text("stacks.x = {orchestrator = 'local', artifact_store = 'local'}\n")
    with (
        pytest.raises(ConfigurationError, match=r"\[stacks\.x\.orchestrator\.z\].*by hand"),
        edited(folder) as draft,
    ):
        draft.set(("stacks", "x", "orchestrator", "z"), 1)


def test_half_a_character_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="half a character"), edited(folder) as draft:
        draft.set(("active_stack",), "\udc80")
    assert os.listdir(folder) == []


REGISTER = """
import sys
from pathlib import Path
from airflow_provider_pipes.registration.components import register_component
from airflow_provider_pipes.stack.enums import StackComponentType
for number in range(3):
    name = f"store-{sys.argv[1]}-{number}"
    register_component(Path.cwd(), StackComponentType.ARTIFACT_STORE, name, "local", ["--path", name])
"""


@pytest.mark.parametrize("text", [None, "# ours\n"])
def test_eight_commands_at_once_lose_nothing(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / "pipes.toml").write_text(text)
    started = [
        subprocess.Popen([sys.executable, "-c", REGISTER, str(number)], cwd=folder) for number in range(8)
    ]
    assert [process.wait(60) for process in started] == [0] * 8
    stores = tomllib.loads((folder / "pipes.toml").read_text())["artifact_stores"]
    expected = {f"store-{number}-{each}" for number in range(8) for each in range(3)}
    assert set(stores) == expected
    assert all(table == {"flavor": "local", "path": name} for name, table in stores.items())


def test_a_link_to_nothing_is_refused_as_when_it_is_read(folder: Path, tmp_path: Path) -> None:
    (folder / "pipes.toml").symlink_to(tmp_path / "gone.toml")
    with pytest.raises(ConfigurationError, match=r"it is a link to .*gone\.toml, which is not there"):
        activate_stack(folder, "default")
    assert not (tmp_path / "gone.toml").exists()
