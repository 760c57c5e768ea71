"""`pipes doctor`: whether everything is there that pipelines need, and what to do about what is not."""

from __future__ import annotations

import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from airflow_provider_pipes.cli.options import DagsFolderOption, JsonFlag, StackOption
from airflow_provider_pipes.cli.server import HomeOption
from airflow_provider_pipes.cli.terminal import ERR, OUT, Output, one_line, print_json, stdout_kept_clean

if TYPE_CHECKING:
    from airflow_provider_pipes.diagnosis.examination import Examination
    from airflow_provider_pipes.diagnosis.findings import Finding

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red", "not checked": "dim"}
_STATUS_WIDTH = max(map(len, _STYLES))
_PLAIN_WIDTH = 100


def doctor(
    stack: StackOption = None,
    dags_folder: DagsFolderOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check configuration, store, DAG files and Airflow; a fix for each finding, exit code 1 on a problem."""
    from airflow_provider_pipes.diagnosis.examination import Examination

    examination = Examination(Path.cwd(), stack, dags_folder, home and home.absolute())
    begun = time.monotonic()
    findings = _as_json(examination) if as_json else _shown(examination, begun)
    if any(each.observation.status == "problem" for each in findings):
        raise typer.Exit(1)


def _as_json(examination: Examination) -> list[Finding]:
    from airflow_provider_pipes.diagnosis.checks import CHECKS
    from airflow_provider_pipes.diagnosis.findings import Round

    findings: list[Finding] = []
    made = Round(CHECKS, examination)
    with stdout_kept_clean(), _progress(ERR) as say:
        for check in CHECKS:
            say(check.title)
            findings += made.findings(check)
    bad = any(each.observation.status == "problem" for each in findings)
    print_json({"ok": not bad, "findings": [_document(each) for each in findings]})
    return findings


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "status": str(finding.observation.status),
        "seen": finding.observation.seen,
        "fix": finding.observation.fix or None,
        "seconds": round(finding.seconds, 3),
    }


def _shown(examination: Examination, begun: float) -> list[Finding]:
    from airflow_provider_pipes.diagnosis.checks import CHECKS
    from airflow_provider_pipes.diagnosis.findings import Round

    findings: list[Finding] = []
    made = Round(CHECKS, examination)
    width = max(len(each.title) for each in CHECKS)
    with _progress(OUT if OUT.is_terminal else ERR) as say:
        for check in CHECKS:
            say(check.title)
            # What a user's module prints belongs on stderr, not between our lines.
            with stdout_kept_clean() if not OUT.is_terminal else nullcontext():
                found = made.findings(check)
            _print(_without_repeated_fixes(found, findings), width)
            findings += found
    _print_sum(findings, time.monotonic() - begun)
    return findings


def _without_repeated_fixes(found: Sequence[Finding], before: Sequence[Finding]) -> list[Finding]:
    said = {each.observation for each in before}
    return [
        replace(each, observation=replace(each.observation, fix="")) if each.observation in said else each
        for each in found
    ]


def _print(findings: Sequence[Finding], width: int) -> None:
    indent = _STATUS_WIDTH + width + 4
    columns = OUT.console.width if OUT.is_terminal else _PLAIN_WIDTH
    for number, finding in enumerate(findings):
        status, title = str(finding.observation.status), finding.title if number == 0 else ""
        seen = one_line(finding.observation.seen)
        first, *rest = textwrap.wrap(seen, max(columns - indent, 20), break_on_hyphens=False) or [""]
        OUT.line((f"{status:<{_STATUS_WIDTH}}", _STYLES[status]), f"  {title:<{width}}  {first}")
        for line in rest:
            OUT.line(" " * indent + line)
        if finding.observation.fix:
            # On one line, however long it is: a terminal gives back what it folded in one piece.
            OUT.line(
                f"{'':<{_STATUS_WIDTH}}  ", ("fix: ", "bold"), (one_line(finding.observation.fix), "cyan")
            )


def _print_sum(findings: Sequence[Finding], seconds: float) -> None:
    counts = Counter(str(each.observation.status) for each in findings)
    shown = [f"{counts[each]} {each}" for each in ("ok", "not checked") if counts[each]]
    if counts["warning"]:
        shown.insert(0, _counted(counts["warning"], "warning"))
    shown.insert(0, _counted(counts["problem"], "problem") if counts["problem"] else "no problems")
    OUT.line()
    OUT.line((", ".join(shown), "bold red" if counts["problem"] else "bold"), f" in {seconds:.1f} s")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@contextmanager
def _progress(output: Output) -> Iterator[Any]:
    """Give a function that says on a terminal what is being checked."""
    if not output.is_terminal:
        yield lambda title: None
        return
    from rich.live import Live
    from rich.spinner import Spinner

    spinner = Spinner("dots" if output.can_show("⠋") else "line")
    # What is found goes on to stdout, also where only stderr is a terminal.
    with Live(spinner, console=output.console, transient=True, redirect_stdout=output is OUT):
        yield lambda title: spinner.update(text=f"checking {title} …")
