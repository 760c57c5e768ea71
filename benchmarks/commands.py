"""Airflow's own commands, with our commands among them and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from airflow_provider_pipes.get_provider_info import get_provider_info
from airflow_provider_pipes.version import __version__
from benchmarks.airflow_home import AIRFLOW
from benchmarks.harness import Row, Spent, interleaved, ratio_at_most, spent

_BAR = 1.03
_REPOSITORY = Path(__file__).parents[1]
# One module whose two functions describe our provider, with its commands and without.
_PROVIDERS = """\
def with_commands():
    return {info!r}


def without_commands():
    return {{key: value for key, value in with_commands().items() if key != "cli"}}
"""


def commands(folder: Path, runs: int) -> Iterator[Row]:
    """At most 3 % more for `airflow version` and `airflow --help`."""
    with_ours, without = (_environment(folder, name) for name in ("with_commands", "without_commands"))
    for arguments in (["version"], ["--help"]):
        command = partial(spent, [*AIRFLOW, *arguments], folder)
        command(with_ours)  # Compiles what is not compiled yet.
        other, ours = interleaved(runs, partial(_cpu, command, without), partial(_cpu, command, with_ours))
        yield ratio_at_most(
            f"`airflow {arguments[0]}`", ours, other, _BAR, "CPU s", "without `airflow pipes`"
        )


def _cpu(command: Callable[[Mapping[str, str]], Spent], variables: Mapping[str, str]) -> float:
    return command(variables).cpu


def _environment(folder: Path, function: str) -> Mapping[str, str]:
    """Return the variables of an Airflow that finds our provider by an entry point of its own."""
    site = folder / function
    info = site / f"airflow_provider_pipes-{__version__}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: airflow-provider-pipes\nVersion: {__version__}\n"
    )
    (info / "entry_points.txt").write_text(
        f"[apache_airflow_provider]\nprovider_info = benchmarked_provider:{function}\n"
    )
    (site / "benchmarked_provider.py").write_text(_PROVIDERS.format(info=get_provider_info()))
    return {"PYTHONPATH": f"{site}:{_REPOSITORY}", "AIRFLOW_HOME": str(folder / "home"), "COLUMNS": "100"}
