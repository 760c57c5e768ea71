"""Files and directories that a step hands on as a pathlib.Path."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from airflow_provider_pipes.artifacts.materializers.base import Materializer
from airflow_provider_pipes.artifacts.materializers.plain import dump_json, load_json
from airflow_provider_pipes.artifacts.storage import checked_path
from airflow_provider_pipes.errors import ArtifactError

_INDEX = "path.json"
_CONTENT = "content"


class PathMaterializer(Materializer):
    """The content behind a path: a file, or a directory with all that is in it.

    An index beside the content holds what object stores lose: empty folders, symbolic links and
    which files are executable. Owners, times and other permissions are not kept.
    """

    name = "path"
    hands_out_files: ClassVar[bool] = True

    def can_save(self, value: Any) -> bool:
        """Say whether ``value`` is a path of this machine."""
        return isinstance(value, Path)

    def save(self, value: Any, directory: Path) -> None:
        """Copy the content.

        Raises:
            ArtifactError: nothing is there, or it holds what can't be carried elsewhere.
        """
        name = _file_name(value)
        content = directory / _CONTENT / name
        content.parent.mkdir()
        index: dict[str, Any] = {"name": name, "folders": [], "links": {}, "executable": []}
        if value.is_dir():
            index["kind"] = "directory"
            _copy_tree(value, content, index)
        else:
            index["kind"] = "file"
            _copy_file(value, content, "", index)
        (directory / _INDEX).write_bytes(dump_json(index))

    def load(self, directory: Path, expected: Any) -> Path | str:
        """Return where the content lies, as a string where the step asks for one."""
        index = load_json((directory / _INDEX).read_bytes())
        content = directory / _CONTENT / index["name"]
        if index["kind"] == "directory":
            content.mkdir(parents=True, exist_ok=True)
        for folder in index["folders"]:
            (content / checked_path(folder)).mkdir(parents=True, exist_ok=True)
        for executable in index["executable"]:
            target = content / checked_path(executable) if executable else content
            target.chmod(target.stat().st_mode | 0o111)
        _restore_links(content, index["links"])
        return str(content) if expected is str else content

    def describe(self, value: Any) -> str:
        """Return the name, and for a directory how much is in it."""
        if value.is_dir():
            return f"{_file_name(value)}/ ({sum(len(names) for _, _, names in os.walk(value))} files)"
        return f"{_file_name(value)} ({value.stat().st_size} bytes)"


def _file_name(path: Path) -> str:
    name = path.name if path.name not in ("", "..") else path.resolve().name
    if not path.exists():
        # Not resolved in the message: a relative path tells where the step looked for it.
        raise ArtifactError(
            f"the path {str(path)!r} does not exist (looked in {str(Path.cwd())!r}): "
            "return the path of a file or directory that the step wrote"
        )
    if not name:
        raise ArtifactError(f"{str(path)!r} is the root of the file system: return a directory below it")
    return name


def _copy_tree(source: Path, target: Path, index: dict[str, Any]) -> None:
    target.mkdir()
    for entry, relative in _entries(source, ""):
        if entry.is_symlink():
            _refuse_link_out(source / relative, source)
            index["links"][relative] = os.readlink(entry.path)
        elif entry.is_dir():
            (target / relative).mkdir()
            if not os.listdir(entry.path):
                index["folders"].append(relative)
        else:
            _copy_file(Path(entry.path), target / relative, relative, index)


def _entries(folder: Path, prefix: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Give what is below a folder, parents first, in an order that every machine shares."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        relative = f"{prefix}{entry.name}"
        yield entry, relative
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), f"{relative}/")


def _copy_file(source: Path, target: Path, relative: str, index: dict[str, Any]) -> None:
    mode = source.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ArtifactError(
            f"{str(source)!r} is neither a file nor a directory but a socket, pipe or device: leave it out"
        )
    shutil.copyfile(source, target)
    if mode & stat.S_IXUSR:
        index["executable"].append(relative)


def _restore_links(content: Path, links: dict[str, str]) -> None:
    # Last, so that nothing is written through one of them, and checked when all of them are there.
    for link, target in links.items():
        place = content / checked_path(link)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    for link in links:
        _refuse_link_out(content / link, content)


def _refuse_link_out(link: Path, root: Path) -> None:
    """Refuse a link that leads out of the directory it belongs to, also by way of other links."""
    target = os.readlink(link)
    if os.path.isabs(target) or not Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root)):
        raise ArtifactError(
            f"the symbolic link {link.relative_to(root).as_posix()!r} in directory {root.name!r} leads out "
            f"of it, to {target!r}: copy what it points to into the directory"
        )
