"""``StepDockerOperator``: a step in a Docker container. Imported at every parse, as ``mixin`` is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.docker.operators.docker import DockerOperator

from airflow_provider_pipes.operators.container import ContainerStepMixin
from airflow_provider_pipes.operators.mixin import TaskKilled

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_pipes.operators.container_job import ContainerJob
    from airflow_provider_pipes.operators.launch import AirflowLaunch

# For reading default_args: the arguments of the stock operator, less those of Airflow's base class.
_STOCK_INIT = getattr(DockerOperator.__init__, "__wrapped__", DockerOperator.__init__)
_STOCK_ARGUMENTS = frozenset(_STOCK_INIT.__kwdefaults__ or ()) | {"image"}


class StepDockerOperator(ContainerStepMixin, DockerOperator):
    """Runs a step of a compiled pipeline in a Docker container, as an Airflow task.

    Command, environment, secrets, resources, user and mounts come from the deployment when the task
    runs; what is given here goes before them. The container is removed at its end unless ``auto_remove`` says
    otherwise, and no temporary folder is mounted unless ``mount_tmp_dir`` does.

    Args:
        deployment_id: The compiled pipeline that the DAG file was made from.
        pipeline: Its name.
        store: Address of the artifact store.
        store_connection_id: Airflow connection with the store's credentials.
        step_name: The step; the task's id by default.
    """

    container_kind = "a Docker container"

    _client: Any = None
    _running = False

    def __init__(
        self,
        *,
        deployment_id: str,
        pipeline: str,
        store: str,
        store_connection_id: str | None = None,
        step_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # The stock __init__ less Airflow's wrapper, as StepPythonOperator calls it; so the defaults of the
        # stock arguments are looked up here.
        defaults = kwargs.get("default_args") or {}
        for name in _STOCK_ARGUMENTS & defaults.keys() - kwargs.keys():
            kwargs[name] = defaults[name]
        kwargs.setdefault("mount_tmp_dir", False)
        kwargs.setdefault("auto_remove", "force")
        _STOCK_INIT(self, **kwargs)
        self.run_for(deployment_id, pipeline, store, store_connection_id, step_name or kwargs["task_id"])

    @property
    def cli(self) -> Any:
        """The engine's client: while a step's container runs, one that sees to it."""
        return self._client or self.hook.api_client

    def run_container(self, job: ContainerJob, context: Context) -> None:
        """Run the container by the stock operator, or go on with the one that an earlier attempt left."""
        from airflow_provider_pipes.operators.docker_run import DockerRun

        run = DockerRun.of(self, job)
        self._running = True
        try:
            run.until_the_end(lambda: DockerOperator.execute(self, context))
        finally:
            # From here on a kill need not interrupt: what it would end is being ended.
            self._running = False
            self._client = None
            run.leave()

    def accept_result(self, launch: AirflowLaunch) -> None:
        """Remove the container of an earlier attempt whose worker died before it could."""
        super().accept_result(launch)
        if launch.launch is not None and launch.context["ti"].try_number > 1:
            from airflow_provider_pipes.operators.docker_run import remove_leftovers

            remove_leftovers(self, launch)

    def use_client(self, client: Any) -> None:
        """Let the stock operator talk to the engine through another client while it runs."""
        self._client = client

    def on_kill(self) -> None:
        """Interrupt the wait for the container, which ends it.

        Airflow calls this in its SIGTERM handler, wherever the task then is, and kills the process
        5 seconds later. After a timeout it calls this too, when the container is gone already.
        """
        if self._running:
            self._running = False
            raise TaskKilled(f"Airflow ended task {self.task_id!r}")
