"""Someone who reads a page of the documentation from top to bottom and does what it says.

A block with a title is put into the file of that name: as the whole file, or, where it holds only some of
the functions of a file that is there, in their place. A Python block without one must be part of a file that
is there. Every command of a console block is run, in one shell; what the page shows below a command is
compared with what it printed, where ``…`` stands for anything.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.examples.documents import Block, blocks

# An environment with the package is there already, first on the PATH.
REPLACED = ("python -m venv ", ". .venv/bin/activate", "pip install ")
# What a reader tries again when the answer is not yet there: Airflow takes its time.
REPEATED = ("airflow ", "pipes runs ", "pipes status")
PATIENCE = 120.0


@dataclass
class Reader:
    """One reader with an empty folder.

    Attributes:
        root: The folder.
        adapt: Changes a command before it is run.
        done: The commands that were run, and those that were replaced.
    """

    root: Path
    adapt: Callable[[str], str] = lambda command: command
    done: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self._own = self.root.parent / f"{self.root.name}-reader"
        self._own.mkdir()
        for name in ("pipes", "airflow"):
            module = "airflow_provider_pipes.cli.main" if name == "pipes" else name
            program = self._own / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
            program.chmod(0o755)

    def follow(self, document: Path) -> None:
        """Do what a page says."""
        for block in blocks(documents=(document,)):
            if block.title:
                self._write(block)
            elif block.language == "python":
                self._find(block)
            elif block.language == "console":
                for command, output in commands_of(block.text):
                    self._do(command, output, str(block))

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the shell that all commands share; stderr comes with stdout."""
        state = shlex.quote(str(self._own / "shell"))
        script = (
            f"[ ! -f {state} ] || . {state}\n{self.adapt(command)}\ncode=$?\n"
            f'{{ export -p; printf "cd %q\\n" "$PWD"; }} >{state}\nexit $code\n'
        )
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=240,
            check=False,
        )

    @property
    def folder(self) -> Path:
        """Where the shell is by now."""
        return Path(self.run("pwd").stdout.strip())

    def _environment(self) -> dict[str, str]:
        foreign = ("PIPES_", "AIRFLOW", "_AIRFLOW", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        path = os.pathsep.join(
            [str(self._own), str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
        )
        return kept | {
            "PATH": path,
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "PIPES_CACHE_DIR": str(self._own / "cache"),
        }

    def _write(self, block: Block) -> None:
        file = self.folder / (block.title or "")
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        is_part = before and file.suffix == ".py" and not block.text.startswith('"""')
        file.write_text(with_parts(before, block.text) if is_part else block.text, encoding="utf-8")

    def _find(self, block: Block) -> None:
        files = [file for file in self.folder.rglob("*.py") if ".pipes" not in file.parts]
        found = any(f"\n{block.text}" in file.read_text(encoding="utf-8") for file in files)
        assert found, f"{block}: in no file of {self.folder}:\n{block.text}"

    def _do(self, command: str, output: str, where: str) -> None:
        if command.startswith(REPLACED):
            self.replaced.append(command)
            return
        deadline = time.monotonic() + (PATIENCE if command.startswith(REPEATED) else 0)
        while problem := self._problem(command, output):
            assert time.monotonic() < deadline, f"{where}: {problem}"
            time.sleep(1)
        self.done.append(command)

    def _problem(self, command: str, output: str) -> str:
        done = self.run(command)
        fails = any(line.startswith("error: ") for line in output.splitlines())
        if (done.returncode != 0) is not fails:
            return f"`{command}` exited with {done.returncode}:\n{done.stdout}"
        if output and not pattern(output).fullmatch(settled(done.stdout)):
            return f"`{command}` printed:\n{done.stdout}\nand the page shows:\n{output}"
        return ""


def commands_of(console: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that is shown below it."""
    found: list[tuple[str, str]] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def settled(output: str) -> str:
    """Return what a terminal shows at the end, where a line that said "running" became another one."""
    lines = [line.rstrip() for line in output.splitlines() if not line.endswith(" running")]
    return "\n".join(lines).strip() + "\n"


def pattern(shown: str) -> re.Pattern[str]:
    """Return what an output stands for: ``…`` is anything, alone on a line any lines; a duration is any."""
    lines = []
    for line in shown.strip().splitlines():
        if line.strip() == "…":
            lines.append("(?:.*\n)*?")
        else:
            text = re.escape(line.rstrip()).replace("…", ".*")
            text = re.sub(r"(?:\\ )+\d+\\\.\d+\\ s\b", r" +\\d+\\.\\d+ s", text)
            lines.append(f"{text}\n")
    return re.compile("".join(lines))


def with_parts(module: str, part: str) -> str:
    """Return a module with the imports and functions of ``part`` in the place of its own of the same name."""
    for piece in ast.parse(part).body:
        text = "\n".join(part.splitlines()[_first_line(piece) - 1 : piece.end_lineno])
        there = [each for each in ast.parse(module).body if _name(each) == _name(piece)]
        lines = module.splitlines()
        if there:
            lines[_first_line(there[0]) - 1 : there[0].end_lineno] = text.splitlines()
        elif isinstance(piece, ast.Import | ast.ImportFrom):
            first = next(
                each for each in ast.parse(module).body if isinstance(each, ast.Import | ast.ImportFrom)
            )
            lines[first.lineno - 1 : first.lineno - 1] = text.splitlines()
        else:
            lines += ["", "", *text.splitlines()]
        module = "\n".join(lines) + "\n"
    return module


def _first_line(piece: ast.stmt) -> int:
    decorators = getattr(piece, "decorator_list", [])
    return min([piece.lineno, *(int(each.lineno) for each in decorators)])


def _name(piece: ast.stmt) -> str:
    if isinstance(piece, ast.ImportFrom):
        return f"from {piece.module}"
    return getattr(piece, "name", "") or ast.unparse(piece)
