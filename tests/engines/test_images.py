"""Images: what is in them, when one is built, and where it goes; a real engine and a real registry."""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from airflow_provider_pipes.artifacts.payloads import load_artifact
from airflow_provider_pipes.errors import ImageError
from tests.engines.docker_engine import DockerEngine
from tests.engines.image_builds import ImageProject
from tests.engines.image_registry import ImageRegistry
from tests.project import UserProject

ONE_STEP = """
    import helper

    @step(docker=DOCKER)
    def where() -> dict[str, Any]:
        import importlib.metadata, os, sys
        return {
            "user": os.getuid(),
            "distributions": sorted(each.name for each in importlib.metadata.distributions()),
            "modules": sorted(sys.modules),
            "value": helper.VALUE,
            "file": helper.__file__,
        }

    @pipeline
    def p():
        where()
"""
CERTIFICATES = "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
LIGHT = {
    "airflow-provider-pipes",
    "annotated-types",
    "cloudpickle",
    "fsspec",
    "pydantic",
    "pydantic_core",
    "typing-inspection",
    "typing_extensions",
}


@pytest.fixture
def images(
    project: UserProject,
    docker_engine: DockerEngine,
    docker_client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ImageProject]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    for name, value in docker_engine.index.items():
        monkeypatch.setenv(name, value)
    project.write("helper.py", "VALUE = 1\n")
    made = ImageProject(project, docker_engine, docker_client)
    yield made
    made.remove_images()


def test_an_image_gets_the_light_core_and_nothing_else(images: ImageProject) -> None:
    images.write(ONE_STEP)
    image = images.build()["where"].reference
    script = "import importlib.metadata as m; print(*sorted(each.name for each in m.distributions()))"
    assert set(images.python(image, script).split()) == LIGHT | {"pip"}
    assert images.added_megabytes(image) < 15
    left = "import os; print(os.path.exists('/pipes'), os.listdir('/opt/airflow-provider-pipes'))"
    assert images.python(image, left).split() == ["False", "[]"]


def test_every_module_of_the_light_core_can_be_imported_there(images: ImageProject) -> None:
    images.write(ONE_STEP)
    image = images.build()["where"].reference
    script = """if True:
        import importlib, pkgutil, sys
        import airflow_provider_pipes as package
        names = [each.name for each in pkgutil.walk_packages(package.__path__, "airflow_provider_pipes.")]
        for name in names:
            importlib.import_module(name)
        print(len(names), "airflow" in sys.modules)
    """
    count, airflow = images.python(image, script).split()
    assert int(count) > 80
    assert airflow == "False"


def test_a_step_runs_there_without_airflow_and_without_privileges(images: ImageProject) -> None:
    images.write(ONE_STEP)
    image = images.build()["where"].reference
    manifest = images.run_step("where", image)
    value = load_artifact(images.project.storage, manifest.references()["output"])
    assert value["user"] == 1000
    assert set(value["distributions"]) == LIGHT | {"pip"}
    assert not {"airflow", "docker", "typer", "jinja2"} & {
        each.partition(".")[0] for each in value["modules"]
    }


def test_for_a_store_in_a_bucket_its_client_is_there_and_small(images: ImageProject) -> None:
    images.write(ONE_STEP)
    image = images.build("s3")["where"].reference
    assert images.python(image, "import obstore.store; print('here')") == "here\n"
    assert images.added_megabytes(image) < 50


def test_an_unchanged_project_builds_nothing_and_takes_no_time(images: ImageProject) -> None:
    images.write(ONE_STEP)
    first = images.build()
    moment, began = images.engine.moment(), time.monotonic()
    assert images.build() == first
    assert time.monotonic() - began < 2
    assert images.builds_since(moment) == 0
    assert images.heard.built == []
    assert images.missing() == 0


def test_changed_code_builds_nothing_and_a_changed_requirement_builds_once(images: ImageProject) -> None:
    images.write(ONE_STEP)
    first = images.build()
    moment = images.engine.moment()
    images.project.write("helper.py", "VALUE = 2\n")
    assert images.build() == first
    assert images.builds_since(moment) == 0
    images.write(ONE_STEP, requirements=["six==1.16.0"])
    changed = images.build()
    assert images.build() == changed
    assert images.builds_since(moment) == 1
    assert changed["where"].build != first["where"].build
    assert images.python(changed["where"].reference, "import six; print(six.__version__)") == "1.16.0\n"


def test_steps_with_equal_settings_share_one_image(images: ImageProject) -> None:
    images.write("""
        @step(docker=DOCKER)
        def one() -> int: return 1

        @step(docker=DOCKER)
        def two() -> int: return 2

        @step(docker=DockerSettings(skip_build=True, image="example.com/other:1"))
        def other() -> int: return 3

        @pipeline
        def p():
            one(), two(), other()
    """)
    moment = images.engine.moment()
    found = images.build()
    assert found["one"] == found["two"]
    assert (found["other"].reference, found["other"].build) == ("example.com/other:1", None)
    assert images.builds_since(moment) == 1
    assert images.client.images.get(found["one"].reference).attrs["Config"]["User"] == "1000:1000"


def test_the_code_can_be_part_of_the_image(images: ImageProject) -> None:
    images.write(ONE_STEP, copy_code=True)
    image = images.build()["where"].reference
    for user in ("1000:1000", "4321:4321"):
        manifest = images.run_step("where", image, without_code=True, user=user)
        value = load_artifact(images.project.storage, manifest.references()["output"])
        assert value["value"] == 1
        assert value["file"].startswith("/opt/airflow-provider-pipes/code/")
    moment = images.engine.moment()
    images.project.write("helper.py", "VALUE = 2\n")
    images.build()
    assert images.builds_since(moment) == 1


def test_a_dockerfile_of_ones_own_makes_the_parent_image(images: ImageProject) -> None:
    images.project.write(
        "images/Dockerfile",
        f"FROM {images.engine.base_image}\nARG GREETING=none\nCOPY greeting.txt /\n"
        "RUN echo $GREETING >/said\nUSER 7\n",
    )
    images.project.write("images/greeting.txt", "hello\n")
    images.write(
        ONE_STEP,
        dockerfile="images/Dockerfile",
        build_options={"buildargs": {"GREETING": "salut"}},
        user="1234",
    )
    image = images.build()["where"].reference
    script = "import os; print(open('/greeting.txt').read() + open('/said').read(), os.getuid())"
    assert images.python(image, script).split() == ["hello", "salut", "1234"]
    moment = images.engine.moment()
    images.project.write("README.md", "something else\n")
    images.build()
    assert images.builds_since(moment) == 0
    images.project.write("images/greeting.txt", "good bye\n")
    assert "good bye" in images.python(images.build()["where"].reference, script)


def test_pip_installs_as_well_with_hashes_and_constraints(images: ImageProject) -> None:
    images.project.write("limits.txt", "idna<3.7\n")
    images.project.write(
        "requirements.txt",
        "six==1.16.0 --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n",
    )
    script = "import importlib.metadata as m; print(*(m.version(each) for each in ('six', 'pydantic')))"
    images.write(ONE_STEP, requirements="lock", python_package_installer="pip")
    assert images.python(images.build()["where"].reference, script).startswith("1.16.0 2.")
    images.project.write("requirements.txt", "six\nidna\n-c limits.txt\n")
    images.write(ONE_STEP, requirements="requirements.txt", python_package_installer="pip")
    found = images.python(
        images.build()["where"].reference, "import importlib.metadata as m; print(m.version('idna'))"
    )
    assert tuple(map(int, found.split("."))) < (3, 7)


def test_a_package_of_the_parent_image_is_replaced_and_not_doubled(images: ImageProject) -> None:
    images.project.write(
        "Dockerfile",
        f"FROM {images.engine.base_image}\nARG PIP_INDEX_URL\n{CERTIFICATES}\nRUN pip install six==1.15.0\n",
    )
    images.write(ONE_STEP, dockerfile="Dockerfile", requirements=["six==1.16.0"])
    script = (
        "import importlib.metadata as m; print(*(d.version for d in m.distributions() if d.name == 'six'))"
    )
    assert images.python(images.build()["where"].reference, script) == "1.16.0\n"


def test_a_failing_build_shows_its_line_and_its_last_output(images: ImageProject) -> None:
    images.write(ONE_STEP, requirements=["pipes-test-there-is-no-such-package==1"])
    with pytest.raises(ImageError) as caught:
        images.build()
    message = str(caught.value)
    assert "it failed at RUN" in message
    assert "install.py uv (step 6 of 14 of its Dockerfile): exit code 1" in message
    assert "  | " in message
    assert "pipes-test-there-is-no-such-package was not found" in " ".join(message.split())
    assert len(message.splitlines()) <= 21
    assert images.missing() == 1


def test_the_login_of_an_index_is_nowhere(
    images: ImageProject, monkeypatch: pytest.MonkeyPatch, docker_engine: DockerEngine
) -> None:
    secret = "s3cr3t-of-the-index"
    # Beside the real index, one that is never reached: nothing listens there.
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_INDEX_PRIVATE_PASSWORD", secret)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"http://joe:{secret}@127.0.0.1:9/simple")
    images.write(ONE_STEP, python_package_installer="pip", requirements=["six==1.16.0"])
    image = images.build()["where"].reference
    assert images.heard.lines
    assert secret not in "\n".join(images.heard.lines + images.heard.instructions)
    found = images.client.images.get(image)
    assert secret not in json.dumps([found.history(), found.attrs])
    folders = "'/usr', '/opt', '/tmp', '/etc'"
    grep = (
        f"import subprocess; print(subprocess.call(['grep', '-rqs', 's3cr3t-of-' + 'the-index', {folders}]))"
    )
    assert images.python(image, grep) == "1\n"
    # Another login makes no other image.
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://joe:other@127.0.0.1:9/simple")
    assert images.missing() == 0


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("rm -f /usr/local/bin/python", "the parent image has no `python`: choose one that has it and pip"),
        ("pip uninstall --yes pip", "the parent image's /usr/local/bin/python has no pip"),
    ],
)
def test_a_parent_image_without_python_or_pip_is_told(
    images: ImageProject, remove: str, message: str
) -> None:
    images.project.write("Dockerfile", f"FROM {images.engine.base_image}\nRUN {remove}\n")
    images.write(ONE_STEP, dockerfile="Dockerfile")
    with pytest.raises(ImageError, match="can't be built") as caught:
        images.build()
    assert message in str(caught.value)


# docker-py forgets a socket that it could not connect.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_engine_that_is_not_there_is_one_clear_sentence(
    images: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.write(ONE_STEP)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ImageError) as caught:
        images.build()
    message = str(caught.value)
    assert "no Docker engine answers at unix:///nowhere/docker.sock (No such file or directory)" in message
    assert 'flavor = "command"' in message
    assert len(message.splitlines()) == 1
    # The name of an image that stays in the engine is known without it.
    assert images.missing(ask_engine=False) == 0
    del caught
    gc.collect()


@pytest.fixture
def registry(
    images: ImageProject, docker_registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> ImageRegistry:
    images.project.write(
        "pipes.toml",
        f"""
        [stacks.team]
        orchestrator = "local"
        artifact_store = "local"
        container_registry = "team"

        [container_registries.team]
        flavor = "docker"
        uri = "{docker_registry.address}/team"
        connection_id = "images"
        """,
    )
    images.stack = "team"
    login = {"conn_type": "docker", "login": docker_registry.user, "password": docker_registry.password}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGES", json.dumps({**login, "host": docker_registry.address}))
    return docker_registry


def test_a_pushed_image_is_known_by_its_digest(images: ImageProject, registry: ImageRegistry) -> None:
    # A layer that the registry can't have from another image: only what it has not is sent.
    images.project.write("helper.py", f"VALUE = {os.urandom(1_000_000).hex()!r}\n")
    images.write(ONE_STEP, copy_code=True)
    found = images.build()["where"]
    name = f"{registry.address}/team/{images.repository}"
    assert found.reference.startswith(f"{name}@sha256:")
    assert registry.tags(f"team/{images.repository}") == [images.heard.built[0].rpartition(":")[2]]
    assert images.heard.progress
    assert images.heard.progress[-1][0] == images.heard.progress[-1][1] > 1_000_000
    images.remove_images()
    moment = images.engine.moment()
    assert images.build()["where"] == found
    assert images.builds_since(moment) == 0
    assert images.missing(ask_engine=False) == 0
    credentials = registry.credentials
    images.client.images.pull(found.reference, auth_config=credentials)
    assert images.python(found.reference, "import pydantic; print('runs')") == "runs\n"


def test_an_image_built_before_its_push_failed_is_only_pushed(
    images: ImageProject, registry: ImageRegistry
) -> None:
    images.write(ONE_STEP)
    _, plan = images.plan()
    local = images.repository
    images.stack = "default"
    images.build()
    images.stack = "team"
    name = f"{registry.address}/team/{local}"
    images.client.images.get(f"{local}:{plan.images[0].tag}").tag(name, plan.images[0].tag)
    assert images.build()["where"].reference.startswith(f"{name}@sha256:")
    assert images.heard.built == []
    assert images.heard.pushed == [f"{name}:{plan.images[0].tag}"]


def test_a_wrong_password_is_one_clear_sentence(
    images: ImageProject, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"conn_type": "docker", "login": "pipes", "password": "wr0ng"}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGES", json.dumps(login))
    images.write(ONE_STEP)
    with pytest.raises(ImageError) as caught:
        images.build()
    assert str(caught.value) == (
        f"registry {registry.address} refuses user 'pipes' (connection 'images'); correct the password "
        "there, or give this user the right to the repository"
    )


def test_the_docker_config_file_has_the_login_as_well(
    images: ImageProject, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = images.project.root / "pipes.toml"
    file.write_text(file.read_text().replace('connection_id = "images"', ""))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    images.write(ONE_STEP)
    with pytest.raises(
        ImageError, match=f"registry {registry.address} wants a login, and there is none: there is no"
    ):
        images.build()
    (tmp_path / "config.json").write_text(registry.docker_config())
    assert "@sha256:" in images.build()["where"].reference


def test_buildah_builds_and_pushes_where_no_engine_is(
    images: ImageProject, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert shutil.which("buildah"), "there is no buildah, which tests/engines/docker up installs"
    # Storage of its own; all else is as in the preset.
    buildah = f'"buildah", "--root", "{tmp_path}/images", "--runroot", "{tmp_path}/run"'
    parent = f"{registry.address}/{images.repository}/parent"
    images.client.images.get(images.engine.base_image).tag(parent, "1")
    list(images.client.images.push(parent, "1", auth_config=registry.credentials, stream=True))
    images.project.write(
        "pipes.toml",
        (images.project.root / "pipes.toml")
        .read_text()
        .replace('container_registry = "team"', 'container_registry = "team"\nimage_builder = "buildah"')
        + f"""
[image_builders.buildah]
flavor = "command"
environment = {{BUILDAH_ISOLATION = "chroot", STORAGE_DRIVER = "vfs"}}
build = [{buildah}, "build", "--file", "{{dockerfile}}", "--tag", "{{image}}", "{{insecure}}", "{{platform}}",
  "{{build_args}}", "{{options}}", "{{context}}"]
push = [{buildah}, "push", "--digestfile", "{{digest_file}}", "{{insecure}}", "{{image}}", "docker://{{image}}"]
find = [{buildah}, "images", "--quiet", "{{image}}"]
""",
    )
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    images.write(ONE_STEP, parent_image=f"{parent}:1", requirements=["six==1.16.0"])
    found = images.build()["where"].reference
    assert found.startswith(f"{registry.address}/team/{images.repository}@sha256:")
    assert any("pipes-install" in each for each in images.heard.instructions)
    assert images.build()["where"].reference == found
    assert images.heard.built == []
    images.client.images.pull(found, auth_config=registry.credentials)
    assert (
        images.python(found, "import six, pydantic, os; print(six.__version__, os.getuid())")
        == "1.16.0 1000\n"
    )


def test_the_history_of_an_image_has_no_address_of_an_index(images: ImageProject) -> None:
    images.write(ONE_STEP)
    image = images.client.images.get(images.build()["where"].reference)
    said = json.dumps(image.history())
    assert "finish.py" in said
    assert "index" not in said.lower()
