"""`pipes deploy` of steps that run in containers: images are found or built before anything is written.

The engine is a command that notes what it was asked for; real ones are in tests/engines.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.cli.conftest import Project

TOML = """
    active_stack = "team"

    [stacks.team]
    orchestrator = "airflow"
    artifact_store = "local"
    image_builder = "engine"
    {registry}

    [orchestrators.airflow]
    operator = "docker"

    [image_builders.engine]
    flavor = "command"
    build = [{python}, "engine.py", "build", "{{image}}"]
    find = [{python}, "engine.py", "find", "{{image}}"]
    push = [{python}, "engine.py", "push", "{{image}}"]
"""
ENGINE = """
    import sys
    from pathlib import Path

    root = Path({root!r})
    what, image = sys.argv[1:]
    built = root / "engine" / image.replace("/", "_")
    with (root / "engine.log").open("a") as log:
        print(what, image, file=log)
    if what == "find":
        sys.exit(not built.exists())
    print("what the build prints")
    if (root / "broken").exists():
        sys.exit("no space left on the engine")
    built.parent.mkdir(exist_ok=True)
    built.touch()
"""


def with_engine(project: Project, registry: str = "") -> Project:
    engine = project.write("engine.py", ENGINE.format(root=str(project.root)))
    text = TOML.format(registry=registry, python=json.dumps(sys.executable))
    project.write("pipes.toml", text.replace('"engine.py"', json.dumps(str(engine))))
    return project


def asked(project: Project, what: str) -> list[str]:
    log = project.root / "engine.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split()[1] for line in lines if line.startswith(what)]


def test_an_image_is_built_once_and_its_dag_file_written_after_it(numbers: Project) -> None:
    with_engine(numbers)
    first = numbers.pipes("deploy", "numbers_.py")
    assert first.code == 0, first.err
    (image,) = asked(numbers, "build")
    assert f"building   {image}  for steps double, show\n" in first.out
    assert "what the build prints" in first.out
    text = (numbers.root / "dags/numbers.py").read_text()
    assert f'IMAGE = "{image}"' in text
    assert "airflow.providers.docker" in text
    stored = re.search(r"pipes-deployment: (\w+)", text)
    assert stored is not None
    document = json.loads((numbers.root / f".pipes/artifacts/deployments/{stored[1]}.json").read_text())
    assert [each["image"] for each in document["steps"]] == [image, image]
    assert all(len(each["image_build"]) == 64 for each in document["steps"])

    again = numbers.pipes("deploy", "numbers_.py")
    assert again.out.startswith("unchanged")
    assert len(asked(numbers, "build")) == 1
    numbers.write(
        "numbers_.py", (numbers.root / "numbers_.py").read_text().replace("2 * number", "3 * number")
    )
    assert numbers.pipes("deploy", "numbers_.py").out.startswith("updated")
    assert len(asked(numbers, "build")) == 1


def test_where_one_image_can_not_be_built_nothing_is_written(numbers: Project) -> None:
    with_engine(numbers)
    numbers.write("plain.py", (numbers.root / "numbers_.py").read_text().replace("def numbers", "def plain"))
    plain = "@pipeline(settings={'orchestrator': {'operator': 'python'}})"
    text = (numbers.root / "plain.py").read_text()
    numbers.write("plain.py", text.replace("@pipeline", plain))
    numbers.write("broken", "")
    before = numbers.tree()
    done = numbers.pipes("deploy", "plain.py", "numbers_.py")
    assert done.code == 16
    assert "no space left on the engine" in done.err
    assert "Traceback" not in done.err
    assert {name for name in numbers.tree() if name not in before} == {"engine.log"}


def test_what_keeps_a_file_from_being_written_is_told_before_an_image_is_built(numbers: Project) -> None:
    with_engine(numbers)
    numbers.write("dags/numbers.py", "# mine\n")
    done = numbers.pipes("deploy", "numbers_.py")
    assert done.code == 7
    assert "is not ours" in done.err
    assert asked(numbers, "build") == []


def test_looking_never_builds_and_json_stays_clean(numbers: Project) -> None:
    with_engine(numbers)
    before = numbers.tree()
    shown = numbers.pipes("deploy", "numbers_.py", "--diff")
    assert shown.code == 0
    assert "+    double = StepDockerOperator(" in shown.out
    assert {name for name in numbers.tree() if name not in before} == {"engine.log"}
    assert asked(numbers, "build") == []
    (document,) = json.loads(numbers.pipes("deploy", "numbers_.py", "--json").out)
    assert document["result"] == "created"
    assert numbers.pipes("deploy", "numbers_.py", "--check").out == "the DAG file is up to date\n"
    (looked,) = json.loads(numbers.pipes("deploy", "numbers_.py", "--check", "--json").out)
    assert looked["deployment_id"] == document["deployment_id"]
    assert (looked["changed"], looked["unbuilt_images"]) == (False, [])


@pytest.fixture
def registry() -> Iterator[tuple[str, set[str]]]:
    """A registry, as host and port, with the tags that it has."""
    tags: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            there = self.path == "/v2/" or self.path.rpartition("/")[2] in tags
            self.send_response(200 if there else 404)
            self.send_header("Docker-Content-Digest", f"sha256:{'5' * 64}")
            self.send_header("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD  # noqa: N815 - the base class's name

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", tags
        server.shutdown()


def test_an_image_that_is_not_in_its_registry_makes_the_dag_file_stale(
    numbers: Project, registry: tuple[str, set[str]]
) -> None:
    address, tags = registry
    tables = (
        f'container_registry = "own"\n[container_registries.own]\nflavor = "docker"\nuri = "{address}/ml"\n'
    )
    with_engine(numbers, f"{tables}insecure = true\n")

    missing = numbers.pipes("deploy", "numbers_.py", "--check")
    assert missing.code == 1, missing.err
    shown = numbers.pipes("deploy", "numbers_.py", "--diff")
    found = re.search(rf"would be built  ({address}/ml/\S+:(\w+))\n", shown.out)
    assert found is not None, shown.out + shown.err

    tags.add(found[2])
    deployed = numbers.pipes("deploy", "numbers_.py")
    assert deployed.code == 0, deployed.err
    digest = f"{found[1].rpartition(':')[0]}@sha256:{'5' * 64}"
    assert f'"{digest}"' in (numbers.root / "dags/numbers.py").read_text()
    assert numbers.pipes("deploy", "numbers_.py", "--check").out == "the DAG file is up to date\n"

    tags.clear()
    gone = numbers.pipes("deploy", "numbers_.py", "--check")
    assert gone.code == 1
    assert f"image {found[1]} would be built" in gone.err
    (document,) = json.loads(numbers.pipes("deploy", "numbers_.py", "--check", "--json").out)
    assert (document["changed"], document["unbuilt_images"]) == (True, [found[1]])
    assert asked(numbers, "build") == []


def test_an_image_that_its_engine_lost_makes_the_dag_file_stale(numbers: Project) -> None:
    with_engine(numbers)
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    (image,) = asked(numbers, "build")
    assert numbers.pipes("deploy", "numbers_.py", "--check").code == 0
    for each in (numbers.root / "engine").iterdir():
        each.unlink()

    gone = numbers.pipes("deploy", "numbers_.py", "--check")

    assert gone.code == 1
    assert f"needs an image, image {image} would be built" in gone.err
    assert f"would be built  {image}" in numbers.pipes("deploy", "numbers_.py", "--diff").out


def test_an_engine_that_does_not_answer_is_one_warning_of_a_look(numbers: Project) -> None:
    with_engine(numbers)
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    text = (numbers.root / "pipes.toml").read_text()
    table = '[image_builders.engine]\nflavor = "docker"\nhost = "unix:///nowhere/docker.sock"\n'
    numbers.write("pipes.toml", text[: text.index("[image_builders.engine]")] + table)

    looked = numbers.pipes("deploy", "numbers_.py", "--diff")

    assert looked.code == 0
    assert "would be built" not in looked.out
    assert re.fullmatch(
        r"warning: images not checked: no Docker engine answers at unix:///nowhere/docker\.sock .*\n",
        looked.err,
    )
