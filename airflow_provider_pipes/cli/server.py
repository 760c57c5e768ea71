"""`pipes up`, `pipes down`, `pipes status`: an Airflow here, or what an orchestrator of a user starts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_provider_pipes.cli.failures import tell_interrupted
from airflow_provider_pipes.cli.options import DagsFolderOption, JsonFlag, StackOption
from airflow_provider_pipes.cli.terminal import ERR, OUT, print_json
from airflow_provider_pipes.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

_DEFAULT_PORT = 8080

HomeOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Airflow's home, instead of .pipes/airflow in the project.")
]
PortOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=65535, help="Port of Airflow's web interface.")
]


def _checked_timeout(seconds: float) -> float:
    # Not by a minimum, since NaN is below none.
    if not seconds > 0:
        raise typer.BadParameter(f"{seconds:g} is no time to wait; give a number of seconds above 0")
    return seconds


def up(
    dags_folder: DagsFolderOption = None,
    home: HomeOption = None,
    port: PortOption = _DEFAULT_PORT,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", callback=_checked_timeout, help="How long to wait until it is healthy."
        ),
    ] = 180.0,
    stack: StackOption = None,
) -> None:
    """Start an Airflow on this machine that reads the project's dags folder.

    A stack whose orchestrator starts something of its own starts that.
    """
    from airflow_provider_pipes.cli.session import make_own_folder, project_here

    own = _own_server(stack)
    if own is not None:
        _refuse_airflow_options(own, {"--dags-folder": dags_folder, "--home": home})
        own.up()
        _tell_own(own)
        return
    airflow = _local_airflow(home, dags_folder, port, stack)
    airflow.require_startable()
    if home is None:
        make_own_folder(project_here().root)
    ran = airflow.status().running
    try:
        address = airflow.up(timeout, ERR.line)
    except KeyboardInterrupt:
        advice = "Airflow still runs; `pipes down` stops it" if ran else "what was started was stopped again"
        raise typer.Exit(tell_interrupted(advice)) from None
    OUT.line("Airflow is up: ", (address.url, "bold"))
    OUT.line(f"  user      {address.user}")
    OUT.line(f"  password  in {address.password_file}")
    OUT.line(f"  DAGs      {airflow.dags_folder}")
    OUT.line(f"  log       {airflow.log_file}")
    OUT.line(f"  commands  export AIRFLOW_HOME={shlex.quote(str(airflow.home))}; airflow dags list")


def down(home: HomeOption = None, stack: StackOption = None) -> None:
    """Stop what `pipes up` started."""
    own = _own_server(stack)
    if own is not None:
        own.down()
        OUT.line(f"orchestrator {own.name!r} is down")
        return
    stopped = _local_airflow(home, None, _DEFAULT_PORT, stack).down()
    OUT.line("Airflow is down" if stopped else "Airflow was not running")


def status(home: HomeOption = None, stack: StackOption = None, as_json: JsonFlag = False) -> None:
    """Show whether what `pipes up` started is running; exit with 1 if it is not."""
    own = _own_server(stack)
    if own is not None:
        if as_json:
            print_json({"running": own.is_running, "orchestrator": own.name, "log_file": own.log_file})
        else:
            _tell_own(own)
        if not own.is_running:
            raise typer.Exit(1)
        return
    found = _local_airflow(home, None, _DEFAULT_PORT, stack).status()
    if as_json:
        print_json(
            {
                "running": found.running,
                "pid": found.pid,
                "left": list(found.left),
                "url": found.url,
                "components": dict(found.components),
                "dags_folder": str(found.dags_folder),
                "log_file": str(found.log_file),
            }
        )
    elif found.left:
        OUT.line(
            ("Airflow is broken", "bold red"),
            f": its main process is gone, and {len(found.left)} others still run "
            f"({', '.join(map(str, found.left))}); end them with `pipes down`",
        )
        OUT.line(f"  log             {found.log_file}")
    elif not found.running:
        OUT.line("Airflow is not running; start it with `pipes up`")
    else:
        OUT.line("Airflow is running: ", (str(found.url), "bold"), f" (process {found.pid})")
        for name, healthy in found.components.items():
            OUT.line(f"  {name:<14}  ", ("healthy", "green") if healthy else ("not healthy", "red"))
        OUT.line(f"  DAGs            {found.dags_folder}")
        OUT.line(f"  log             {found.log_file}")
    if not found.running:
        raise typer.Exit(1)


def _refuse_airflow_options(orchestrator: BaseOrchestrator, given: Mapping[str, Path | None]) -> None:
    for option, value in given.items():
        if value is not None:
            raise ConfigurationError(
                f"orchestrator {orchestrator.name!r} starts something of its own and no Airflow, so it has "
                f"no use for {option} {value}; leave that out, or choose by --stack a stack with an airflow "
                "orchestrator"
            )


def _own_server(stack_name: str | None) -> BaseOrchestrator | None:
    """Return a stack's orchestrator if it starts something of its own (document 001)."""
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.orchestrators.base import BaseOrchestrator

    found = project_here().stack(stack_name).orchestrator
    if isinstance(found, BaseOrchestrator) and type(found).up is not BaseOrchestrator.up:
        return found
    return None


def _tell_own(orchestrator: BaseOrchestrator) -> None:
    running = ("running", "green") if orchestrator.is_running else ("not running", "red")
    OUT.line(f"orchestrator {orchestrator.name!r} is ", running)
    if orchestrator.log_file:
        OUT.line(f"  log  {orchestrator.log_file}")


def _local_airflow(
    home: Path | None, dags_folder: Path | None, port: int, stack_name: str | None
) -> LocalAirflow:
    from airflow_provider_pipes.cli.deploy import airflow_orchestrator
    from airflow_provider_pipes.cli.session import project_here
    from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow
    from airflow_provider_pipes.orchestrators.airflow.server_home import own_home

    project = project_here()
    folder = airflow_orchestrator(project.stack_for_deploy(stack_name)).dags_folder(project.root, dags_folder)
    return LocalAirflow((home or own_home(project.root)).absolute(), folder, port)
