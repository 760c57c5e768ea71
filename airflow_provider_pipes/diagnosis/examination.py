"""What the checks look at: the project, its stack and the Airflow that belongs to it, each found once."""

from __future__ import annotations

import os
import shlex
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_pipes.diagnosis.findings import NotCheckableError
from airflow_provider_pipes.errors import PipesError

if TYPE_CHECKING:
    from airflow_provider_pipes.artifacts.component import BaseArtifactStore
    from airflow_provider_pipes.diagnosis.airflow_setup import AirflowFacts, AirflowSetup
    from airflow_provider_pipes.diagnosis.container_use import ContainerUse
    from airflow_provider_pipes.diagnosis.dag_files import DeployedFile
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator
    from airflow_provider_pipes.orchestrators.airflow.server import ServerStatus
    from airflow_provider_pipes.stack.project import Project
    from airflow_provider_pipes.stack.stack import Stack


class Examination:
    """One look at everything.

    Args:
        start: The folder that the command was given in.
        stack_name: Stack to use instead of the active one.
        dags_folder: Dags folder to use instead of the one that is configured.
        home: Home of the Airflow that `pipes up` started.

    Attributes:
        store_works: Whether the artifact store answered; None as long as nobody asked it.
    """

    def __init__(
        self,
        start: Path,
        stack_name: str | None = None,
        dags_folder: Path | None = None,
        home: Path | None = None,
    ) -> None:
        self.start = start
        self.stack_name = stack_name
        self.store_works: bool | None = None
        self._dags_folder = dags_folder
        self._home = home
        self._lock = threading.Lock()
        self._container_use: ContainerUse | None = None

    def load_project(self) -> Project:
        """Read the project's configuration.

        Raises:
            ConfigurationError: it is not valid.
        """
        from airflow_provider_pipes.compiler.project import project_root
        from airflow_provider_pipes.stack.project import load_project

        return load_project(self.start, project_root(self.start))

    @property
    def root(self) -> Path:
        """The project's folder, also where its configuration is not valid."""
        from airflow_provider_pipes.compiler.project import project_root

        return project_root(self.start)

    @cached_property
    def project(self) -> Project:
        """The project."""
        try:
            return self.load_project()
        except PipesError:
            raise NotCheckableError("pipes.toml is not valid") from None

    @cached_property
    def stack(self) -> Stack:
        """The stack as `pipes deploy` uses it."""
        try:
            return self.project.stack_for_deploy(self.stack_name)
        except PipesError:
            raise NotCheckableError("there is no valid stack") from None

    @property
    def store(self) -> BaseArtifactStore:
        """The stack's artifact store."""
        from airflow_provider_pipes.artifacts.component import artifact_store_of

        try:
            return artifact_store_of(self.stack)
        except PipesError as error:
            raise NotCheckableError(str(error)) from None

    @property
    def orchestrator(self) -> AirflowOrchestrator:
        """The stack's orchestrator, where it is one that writes DAG files."""
        from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator

        found = self.stack.orchestrator
        if not isinstance(found, AirflowOrchestrator):
            raise NotCheckableError(f"orchestrator {found.name!r} writes no DAG files")
        return found

    @property
    def dags_folder(self) -> Path:
        """The folder for DAG files."""
        return self.orchestrator.dags_folder(self.project.root, self._dags_folder).absolute()

    @cached_property
    def deployed(self) -> list[DeployedFile]:
        """The DAG files of ours in the dags folder."""
        from airflow_provider_pipes.diagnosis.dag_files import deployed_files

        return deployed_files(self.dags_folder)

    @cached_property
    def airflow(self) -> AirflowSetup:
        """The Airflow that belongs to the project."""
        from airflow_provider_pipes.diagnosis.airflow_setup import find_airflow

        if self.own_airflow.left:
            raise NotCheckableError("the main process of Airflow is gone")
        found = find_airflow(self.own_home, self.own_airflow, os.environ)
        if found is not None:
            return found
        if self.own_home.is_dir():
            raise NotCheckableError(f"the Airflow in {self.own_home} is not running", self.up_command)
        raise NotCheckableError("no Airflow is set up here", self.up_command)

    @property
    def own_home(self) -> Path:
        """The home of the Airflow that `pipes up` starts."""
        from airflow_provider_pipes.orchestrators.airflow.server_home import own_home

        return self._home or own_home(self.root)

    @cached_property
    def own_airflow(self) -> ServerStatus:
        """How the Airflow is that `pipes up` starts."""
        from airflow_provider_pipes.orchestrators.airflow.server import LocalAirflow

        return LocalAirflow(self.own_home, self.own_home / "dags").status()

    @cached_property
    def airflow_facts(self) -> AirflowFacts:
        """What Airflow itself says of its configuration and of the connections that the stack names."""
        try:
            names = tuple(self.connections)
        except NotCheckableError:
            names = ()
        return self.airflow.ask(names)

    @cached_property
    def connections(self) -> dict[str, list[str]]:
        """The Airflow connections that components of the stack name, and by which components."""
        found: dict[str, list[str]] = {}
        for component in self.stack.components:
            name = getattr(component.config, "connection_id", None)
            if isinstance(name, str):
                found.setdefault(name, []).append(f"{component.type.label} {component.name!r}")
        return found

    @property
    def container_use(self) -> ContainerUse:
        """Which engines and clusters steps run on."""
        from airflow_provider_pipes.diagnosis.container_use import container_use

        # Several checks ask for it at once.
        with self._lock:
            if self._container_use is None:
                self._container_use = container_use(self)
            return self._container_use

    @property
    def up_command(self) -> str:
        """The command that starts the project's Airflow."""
        return self.command("up", *self._home_option)

    @property
    def restart_command(self) -> str:
        """The command that stops the project's Airflow and starts it again."""
        return f"{self.command('down', *self._home_option, dags=False)} && {self.up_command}"

    @property
    def chosen_dags_folder(self) -> Path | None:
        """The dags folder that the command's option names."""
        return self._dags_folder

    @property
    def without_dags_folder(self) -> str:
        """The command of this examination, but for its dags folder."""
        return self.command("doctor", *self._home_option, dags=False)

    @property
    def _home_option(self) -> tuple[str, ...]:
        return ("--home", str(self._home)) if self._home else ()

    def command(self, *words: str, dags: bool = True) -> str:
        """Return a command of ours with the options that this examination was given."""
        stack = ("--stack", self.stack_name) if self.stack_name else ()
        folder = ("--dags-folder", str(self._dags_folder)) if dags and self._dags_folder else ()
        return shlex.join(["pipes", *words, *stack, *folder])
