"""The main job, end to end: compile ``digits.py`` to a DAG file and have a real Airflow run it, twice.

``make demo`` starts it. What it makes is in ``.demo``; an Airflow that you have is neither read nor changed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = "digits"
MARKER = ".made-by-the-demo"

# Lines of Airflow's log; what has no time in front belongs to the line before.
_ERROR = re.compile(r"\S+Z \[(error|critical)\b")
_UNREMARKABLE = re.compile(r"\S+Z \[(debug|info|warning)\b")
_STARTED = re.compile(r"\[DAG TEST\] starting task_id=(\S+)")
_TAIL = 30

Run = Mapping[str, Any]


class DemoError(Exception):
    """The demo did not do what it should."""


@dataclass(frozen=True)
class Demo:
    """One demonstration.

    Attributes:
        home: The folder for all that it makes; emptied first.
        example: The file with the pipeline.
    """

    home: Path
    example: Path
    console: Console

    def run(self) -> None:
        """Compile the pipeline, have Airflow run it twice, and show what came of it.

        Raises:
            DemoError: a command failed, or a result is not what it should be.
        """
        began = time.monotonic()
        self._say(f"From typed Python functions ({shown(self.example)}) to a DAG that Airflow runs.")
        self._say(f"What is made goes into {shown(self.home)}, which is emptied first.")
        self._empty_home()
        self._compile()
        self._heading("Make an empty Airflow database (SQLite)")
        self._command("migrate", "airflow", "db", "migrate")
        self._heading("Have Airflow run the DAG file: every step does its work")
        first = self._airflow_run(cached=False)
        self._fact("Accuracy", f"{accuracy(first):.1%} on images that the model has not seen", "bold green")
        self._fact("Picture", shown(picture(first)))
        self._heading("Have Airflow run it again: same code, same inputs, so the cache has every result")
        self._airflow_run(cached=True)
        self._say(f"\nDone in {time.monotonic() - began:.0f} s.", "bold green")
        pipes = shown(Path(sys.executable).with_name("pipes"))
        self._say(f"The same without Airflow: {pipes} run {shown(self.example)} --param sharp=0.002")

    def _compile(self) -> None:
        self._heading("Compile the pipeline to a DAG file")
        example, dags_folder = shown(self.example), shown(self.dag_file.parent)
        self._command("deploy", "pipes", "deploy", example, "--dags-folder", dags_folder)
        lines = len(self.dag_file.read_text(encoding="utf-8").splitlines())
        said = f"{lines} lines; Airflow imports none of your code to read it"
        self._fact("DAG file", f"{shown(self.dag_file)} ({said})")

    @property
    def dag_file(self) -> Path:
        """The compiled pipeline."""
        return self.home / "dags" / f"{PIPELINE}.py"

    def _empty_home(self) -> None:
        if self.home.exists() and any(self.home.iterdir()) and not (self.home / MARKER).exists():
            raise DemoError(
                f"{self.home} holds something else than an earlier demo; name another folder with --home"
            )
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / MARKER).touch()

    def _airflow_run(self, *, cached: bool) -> Run:
        began = time.monotonic()
        try:
            log = self._command("second-run" if cached else "first-run", "airflow", "dags", "test", PIPELINE)
        except DemoError:
            self._show(self._newest_run())
            raise
        seconds = time.monotonic() - began
        run = self._newest_run()
        self._show(run)
        in_steps = sum(step["seconds"] or 0 for step in run["steps"])
        self._fact("Seconds", f"{seconds:.1f}, of which {in_steps:.1f} in the steps, the rest in Airflow")
        self._fact("Log", shown(log))
        if not run["steps"] or any(step["cached"] is not cached for step in run["steps"]):
            raise DemoError(
                f"every step's result should come from {'the cache' if cached else 'a run of its own'}"
            )
        return run

    def _show(self, run: Run) -> None:
        table = Table("Step", "State", "Seconds", "Cache", box=None, padding=(0, 3, 0, 0))
        table.columns[2].justify = "right"
        for step in run["steps"]:
            state, seconds = step["state"], step["seconds"]
            colour = {"success": "green", "failed": "red"}.get(state, "dim")
            done = "" if seconds is None else f"{seconds:.3f}"
            hit = Text("hit", style="cyan") if step["cached"] else "" if seconds is None else "miss"
            table.add_row(step["name"], Text(state.replace("_", " "), style=colour), done, hit)
        self.console.print()
        self.console.print(Padding(table, (0, 0, 0, 2), expand=False))
        self.console.print()

    def _newest_run(self) -> Run:
        newest = self._answer("runs", "list", "--pipeline", PIPELINE, "--limit", "1")
        if not newest:
            return {"steps": []}
        run: Run = self._answer("runs", "show", newest[0]["run_name"], "--pipeline", PIPELINE)
        return run

    def _answer(self, *arguments: str) -> Any:
        command = [*program("pipes"), *arguments, "--json"]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoError(f"`pipes {' '.join(arguments)}` failed:\n{done.stderr.strip()}")
        return json.loads(done.stdout)

    def _command(self, log_name: str, name: str, *arguments: str) -> Path:
        """Run a command with its output in a log file; return the file."""
        text = " ".join([name, *arguments])
        self._say(f"  $ {text}")
        log = self.home / "logs" / f"{log_name}.log"
        log.parent.mkdir(exist_ok=True)
        with (
            log.open("w", encoding="utf-8") as file,
            self.console.status(text, spinner="line") as status,
            subprocess.Popen(
                [*program(name), *arguments],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            for line in process.stdout or ():
                file.write(line)
                if started := _STARTED.search(line):
                    status.update(f"{text}: step {started[1]}")
        if process.returncode:
            raise DemoError(f"`{text}` failed; the end of {shown(log)}:\n{last_words(log)}")
        return log

    def _environment(self) -> dict[str, str]:
        """Return what the commands see: an Airflow of the demo's own and nothing of the caller's."""
        foreign = ("AIRFLOW_", "_AIRFLOW_", "PIPES_", "PYTHON")
        return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dag_file.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PIPES_ARTIFACT_STORES__LOCAL__PATH": str(self.home / "artifacts"),
            "PIPES_CACHE_DIR": str(self.home / "cache"),
            "PYTHONUTF8": "1",
            "NO_COLOR": "1",
        }

    def _heading(self, text: str) -> None:
        self._say(f"\n==> {text}", "bold")

    def _fact(self, name: str, text: str, style: str = "") -> None:
        self.console.print(Text.assemble(f"  {name:<8}  ", (text, style)), soft_wrap=True)

    def _say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=True)


def program(name: str) -> list[str]:
    """Return the command line of `airflow` or `pipes` of this environment."""
    return [sys.executable, "-m", "airflow_provider_pipes.cli.main" if name == "pipes" else name]


def accuracy(run: Run) -> float:
    """Return the accuracy of the chosen model."""
    return float(_output(run, "choose", "accuracy")["preview"])


def picture(run: Run) -> Path:
    """Return the file of the report.

    Raises:
        DemoError: it is not there.
    """
    folder = Path(unquote(urlsplit(_output(run, "report", "confusion_matrix")["uri"]).path))
    found = next(folder.rglob("*.png"), None)
    if found is None:
        raise DemoError(f"the report left no picture in {folder}")
    return found


def _output(run: Run, step: str, name: str) -> Mapping[str, Any]:
    steps = {each["name"]: each for each in run["steps"]}
    found: Mapping[str, Any] = steps[step]["outputs"][name]
    return found


def last_words(log: Path) -> str:
    """Return the last lines of a log that say what went wrong."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    telling = [line for line in lines[errors[-1] if errors else 0 :] if not _UNREMARKABLE.match(line)]
    return "\n".join(telling[-_TAIL:])


def shown(path: Path) -> str:
    """Return a path as a person reads it, relative to the project where it is inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".demo", help="folder for all files; emptied first"
    )
    parser.add_argument(
        "--example", type=Path, default=ROOT / "docs/examples/digits.py", help="file with the pipeline"
    )
    given = parser.parse_args()
    console = Console(highlight=False, markup=False)
    try:
        Demo(given.home.absolute(), given.example.absolute(), console).run()
    except DemoError as error:
        Console(stderr=True, highlight=False, markup=False).print(f"\nerror: {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
