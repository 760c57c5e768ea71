"""Images in a registry that wants a password: pushed by `pipes deploy`, pulled by digest where steps run."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.airflow.harness import AirflowHome, DagRunResult
from tests.engines.deployments import EngineProject
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_registry import ImageRegistry
from tests.engines.kubernetes_node import KubernetesNode

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

WRONG = "wr0ng-passw0rd"
PIPELINES = ("by_connection", "by_config", "by_nobody", "by_wrong_password", "in_pods", "in_pods_wrong")
STEPS = """
    import socket

    from airflow_provider_pipes import DockerSettings, pipeline, step

    # An image of its own: what an engine once had by its digest, it takes again without a login.
    IMAGE = DockerSettings(requirements=[], build_options={"labels": {"pipes.test.registry": "LABEL"}})


    def of(operator, **arguments):
        return {"orchestrator.airflow": {"operator": operator, "operator_args": arguments}}


    @step(cache=False, docker=IMAGE)
    def where() -> str:
        return socket.gethostname()


    @pipeline(settings=of("docker", docker_conn_id="images"))
    def by_connection() -> None:
        where()


    @pipeline(settings=of("docker"))
    def by_config() -> None:
        where()


    @pipeline(settings=of("docker"))
    def by_nobody() -> None:
        where()


    @pipeline(settings=of("docker", docker_conn_id="wrong"))
    def by_wrong_password() -> None:
        where()


    @pipeline(settings=of("kubernetes", image_pull_secrets=["RIGHT"]))
    def in_pods() -> None:
        where()


    @pipeline(settings=of("kubernetes", image_pull_secrets=["WRONG"]))
    def in_pods_wrong() -> None:
        where()
"""


@dataclass(frozen=True)
class Registered:
    """The pipelines, deployed with their image in the registry, and nowhere else.

    Attributes:
        folder: With the docker config files of workers.
        repository: Begin of the image's name.
        said: What deploying printed.
        since: Before the first container.
    """

    made: EngineProject
    home: AirflowHome
    registry: ImageRegistry
    folder: Path
    repository: str
    said: str
    since: str

    def connection(self, password: str) -> str:
        return _connection(self.registry, password)

    def reference(self) -> str:
        (found,) = self.made.images("by_connection")
        return found

    def run(self, *dag_ids: str, config: str) -> dict[str, DagRunResult]:
        """Run pipelines where their image is not, on a worker with a docker config file."""
        self.made.forget_images(self.repository)
        home = self.home.with_environment({"DOCKER_CONFIG": str(self.folder / config)})
        return {each.dag_id: each for each in home.run_dags(dag_ids)}


def _connection(registry: ImageRegistry, password: str) -> str:
    login = {"login": registry.user, "password": password, "host": registry.address}
    return json.dumps({"conn_type": "docker", **login})


@pytest.fixture(scope="module")
def registered(
    tmp_path_factory: pytest.TempPathFactory,
    docker_engine: DockerEngine,
    docker_registry: ImageRegistry,
    kubernetes: KubernetesNode,
) -> Iterator[Registered]:
    folder = tmp_path_factory.mktemp("registry")
    for name, text in (("empty", "{}"), ("logged-in", docker_registry.docker_config())):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(text)
    right, wrong = _connection(docker_registry, docker_registry.password), _connection(docker_registry, WRONG)
    home = AirflowHome.ready(folder / "airflow").with_environment(
        {"AIRFLOW_CONN_IMAGES": right, "AIRFLOW_CONN_WRONG": wrong}
    )
    repository = f"{docker_registry.address}/registry-{uuid.uuid4().hex[:8]}"
    with EngineProject.new(folder / "project", home, docker_engine, kubernetes) as made:
        secret = kubernetes.pull_secret(made.namespace, docker_registry)
        bad = _pull_secret(kubernetes, made.namespace, dataclasses.replace(docker_registry, password=WRONG))
        made.project.write(
            "steps.py", STEPS.replace("RIGHT", secret).replace("WRONG", bad).replace("LABEL", made.label)
        )
        made.configure(
            active_stack="team",
            stacks={
                "team": {"orchestrator": "airflow", "artifact_store": "local", "container_registry": "team"}
            },
            container_registries={"team": {"flavor": "docker", "uri": repository, "connection_id": "images"}},
        )
        done = made.try_to_deploy(*(f"steps.py:{name}" for name in PIPELINES), AIRFLOW_CONN_IMAGES=right)
        assert done.returncode == 0, done.stdout + done.stderr
        said, since = done.stdout + done.stderr, docker_engine.moment()
        yield Registered(made, home, docker_registry, folder, repository, said, since)
        made.forget_images(repository)


def _pull_secret(node: KubernetesNode, namespace: str, registry: ImageRegistry) -> str:
    data = base64.b64encode(registry.docker_config().encode()).decode()
    body = {
        "metadata": {"name": "wrong-login"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": data},
    }
    node.client().create_namespaced_secret(namespace, body)
    return "wrong-login"


@pytest.fixture(scope="module")
def runs(registered: Registered) -> dict[str, DagRunResult]:
    """A run of each pipeline; those come first that must not find the image."""
    refused = ("by_nobody", "by_wrong_password", "in_pods_wrong")
    found = registered.run(*refused, "by_connection", "in_pods", config="empty")
    return {**found, **registered.run("by_config", config="logged-in")}


def test_dag_files_name_the_image_by_its_digest(registered: Registered) -> None:
    images = set.union(*(registered.made.images(name) for name in PIPELINES))
    assert len(images) == 1
    assert re.fullmatch(rf"{re.escape(registered.repository)}/[\w./-]+@sha256:[0-9a-f]{{64}}", images.pop())


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [
        (
            "by_nobody",
            r"step 'where': image '\S+@sha256:\w+' is not on the Docker engine and can't be pulled: ",
        ),
        ("by_wrong_password", r"step 'where': the registry of connection 'wrong' refused its login: "),
        (
            "in_pods_wrong",
            r"step 'where', pod \S+: image \S+@sha256:\w+ can't be pulled: .*image_pull_secrets$",
        ),
    ],
)
def test_a_login_that_the_registry_refuses_is_one_sentence(
    registered: Registered, runs: dict[str, DagRunResult], dag_id: str, said: str
) -> None:
    run = runs[dag_id]
    assert run.states == {"where": "failed"}
    (failure,) = registered.made.project.documents(f"runs/{dag_id}/{run.run_id}/**/failure-*.json")
    message = failure["message"]
    assert re.match(said, message), message
    assert "\n" not in message
    assert message in run.log
    assert WRONG not in run.log


@pytest.mark.parametrize("dag_id", ["by_connection", "by_config"])
def test_docker_pulls_it_with_a_login(
    registered: Registered, runs: dict[str, DagRunResult], dag_id: str
) -> None:
    made = registered.made
    run = runs[dag_id].check()
    (manifest,) = made.project.documents(f"runs/{dag_id}/{run.run_id}/**/manifest.json")
    assert manifest["image"] == registered.reference()
    assert registered.registry.password not in run.log
    started = made.docker.events(registered.since, label=f"pipes.test={made.label}")
    assert [each["Actor"]["Attributes"]["image"] for each in started] == [registered.reference()] * 2


def test_kubernetes_pulls_it_with_a_pull_secret(
    registered: Registered, runs: dict[str, DagRunResult]
) -> None:
    run = runs["in_pods"].check()
    starts = registered.made.node.pod_starts(registered.made.namespace)
    assert len([name for name in starts if name.startswith("in-pods-where")]) == 1
    events = registered.made.node.client().list_namespaced_event(
        registered.made.namespace, field_selector="reason=Pulled"
    )
    assert any("Successfully pulled" in each.message for each in events.items)
    assert run.output("where")


def test_a_wrong_password_at_deploy_is_one_sentence_and_changes_nothing(registered: Registered) -> None:
    made = registered.made
    file = made.project.root / "steps.py"
    # Another image, which would have to be pushed.
    file.write_text(file.read_text().replace("requirements=[]", 'requirements=["six==1.16.0"]'))
    before = _contents(made)

    done = made.try_to_deploy("steps.py:by_connection", AIRFLOW_CONN_IMAGES=registered.connection(WRONG))

    assert done.returncode != 0
    (line,) = [each for each in done.stderr.splitlines() if "refuses user" in each]
    assert (
        f"registry {registered.registry.address} refuses user 'pipes' (connection 'images'); correct the "
        "password there" in line
    )
    assert "Traceback" not in done.stderr
    assert WRONG not in done.stdout + done.stderr
    assert _contents(made) == before


def _contents(made: EngineProject) -> dict[str, bytes]:
    folders = (made.project.store, made.project.home.dags_folder)
    return {
        str(file): file.read_bytes()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_password_is_in_no_file(registered: Registered, runs: dict[str, DagRunResult]) -> None:
    assert len(runs) == len(PIPELINES)
    password = registered.registry.password
    assert password not in registered.said
    files = _contents(registered.made)
    assert files
    assert [name for name, content in files.items() if password.encode() in content] == []
    for table in ("rendered_task_instance_fields", "xcom", "serialized_dag", "task_instance"):
        assert password not in json.dumps(registered.home.rows(f"SELECT * FROM {table}"), default=str)
