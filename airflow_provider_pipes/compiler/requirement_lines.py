"""The lines of requirements files: what each may say, and what it may not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from airflow_provider_pipes.models.docker_settings import CONSTRAINT_PREFIX

OWN_DISTRIBUTION = "airflow-provider-pipes"

_HASH = re.compile(r"\s+--hash[= ](\S+)")
# The "git" of ssh://git@host is no secret; of any other URL, a lone name may be a token.
_LOGIN = re.compile(r"(?<!ssh)://[^/\s@]+@|://[^/\s@]*:[^/\s@]*@")
_COMMENT = re.compile(r"(^|\s)#.*$")
_REFERENCE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|=|(?<=-[rc]))(?P<path>\S.*)\Z")
_INDEX = ("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host")
# The versions and hashes are there either way.
_WITHOUT_EFFECT = ("--require-hashes", "--no-emit-index-url", "--no-binary=:none:")


def plain_requirement(text: str) -> str | None:
    """Return one specifier in one form, or None where it names our own package.

    Raises:
        ValueError: it is none, or could not be installed elsewhere.
    """
    hashes = sorted(_HASH.findall(text))
    requirement = parsed_requirement(text, "the image", "the deploying process")
    if requirement.url and requirement.url.startswith("file:"):
        raise ValueError(
            f"{requirement.name!r} is a file of this machine, which the image does not have; publish it on "
            "an index, or build on a parent image that has it"
        )
    if canonicalize_name(requirement.name) == OWN_DISTRIBUTION:
        return None
    return " ".join([_written(requirement), *(f"--hash={each}" for each in hashes)])


def parsed_requirement(text: str, place: str, installer: str) -> Requirement:
    """Return one specifier that may stand in a deployment, without its hashes.

    Args:
        text: The specifier.
        place: Where it is installed, as messages name it.
        installer: Whose environment names the index.

    Raises:
        ValueError: it is none, or holds a login.
    """
    specifier = _HASH.sub("", text).strip()
    if _LOGIN.search(specifier):
        raise ValueError(
            f"{_name_in(specifier)} is a URL with a login, which would stand in the deployment; publish it "
            f"on an index, and give its login by PIP_INDEX_URL or UV_DEFAULT_INDEX in the environment of "
            f"{installer}"
        )
    try:
        return Requirement(specifier)
    except InvalidRequirement as error:
        raise ValueError(_no_requirement(specifier, error, place)) from None


def _written(requirement: Requirement) -> str:
    """Return a requirement as text; that of ``packaging`` is not the same in all its versions."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    what = f" @ {requirement.url}" if requirement.url else ",".join(sorted(map(str, requirement.specifier)))
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{what}{marker}"


def constraint(text: str) -> str:
    """Return a line that limits the version of what it names.

    Raises:
        ValueError: it is no specifier with a version.
    """
    line = plain_requirement(text)
    if line is not None:
        found = Requirement(_HASH.sub("", line))
        if not found.specifier and not found.url:
            raise ValueError(
                f"constraint {text!r} limits no version; a "
                "file of constraints is named by a requirements file"
            )
    return f"{CONSTRAINT_PREFIX}{line}" if line else ""


def _name_in(specifier: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+(?=\s*(\[[^\]]*\])?\s*@)", specifier)
    return repr(name.group()) if name else "a requirement"


def _no_requirement(specifier: str, error: InvalidRequirement, place: str) -> str:
    if specifier.startswith(("-e", "--editable", ".", "/")) or "\\" in specifier:
        return (
            f"{specifier!r} installs from this machine, which {place} does not have; name its "
            "distribution, or let the modules travel with the code"
        )
    said = str(error).splitlines()[0]
    return f"{specifier!r} is no requirement ({said}); write it as 'pandas>=2.2' or 'pkg[extra]==1.0'"


@dataclass
class RequirementsFile:
    """Reads a requirements file and those that it names.

    Args:
        root: The project's folder; no file outside it is read.
        problem: Takes what is wrong.
    """

    root: Path
    problem: Callable[[str], None]

    def lines(self, file: str, limits: bool = False, above: tuple[str, ...] = ()) -> Iterator[str]:
        """Yield what the file says, one form for each line.

        Args:
            file: Path relative to the project.
            limits: Whether it is a file of constraints.
            above: Files that led to this one.
        """
        text = self._text(file, above)
        for number, line in logical_lines(text or ""):
            try:
                yield from self._line(line, file, limits, (*above, file))
            except ValueError as error:
                self.problem(f"{file}:{number}: {error}")

    def _text(self, file: str, above: tuple[str, ...]) -> str | None:
        path = (self.root / file).resolve()
        if not path.is_relative_to(self.root.resolve()):
            self.problem(f"{file} is outside the project; move it into the project")
        elif file in above:
            self.problem(f"{file} names itself by way of {' and '.join(above)}; remove one of the lines")
        else:
            try:
                return path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                said = getattr(error, "strerror", None) or error
                self.problem(f"{file} can't be read: {said}")
        return None

    def _line(self, line: str, file: str, limits: bool, above: tuple[str, ...]) -> Iterator[str]:
        named = _REFERENCE.match(line)
        if named:
            inner = (Path(file).parent / named["path"].strip("'\"")).as_posix()
            yield from self.lines(inner, limits or line.startswith(("-c", "--constraint")), above)
        elif line.startswith("-"):
            _check_option(line)
        elif found := constraint(line) if limits else plain_requirement(line):
            yield found


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, continued ones joined, each with its number."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        whole = _COMMENT.sub("", pending + line).strip()
        if whole:
            yield start, whole
        pending, start = "", 0
    if rest := _COMMENT.sub("", pending).strip():
        yield start, rest


def _check_option(line: str) -> None:
    option = re.split(r"[\s=]", line, maxsplit=1)[0]
    if option in _WITHOUT_EFFECT:
        return
    if option in _INDEX:
        raise ValueError(
            f"{option} has no place in the deployment, which may not hold an address with a login; "
            "remove it, and set PIP_INDEX_URL or UV_DEFAULT_INDEX in the environment of the deploying process"
        )
    if option in ("-e", "--editable"):
        raise ValueError(_no_requirement(line, InvalidRequirement("editable"), "the image"))
    raise ValueError(f"{option} is not understood here; remove it")
