from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_pipes.errors import ConfigurationError, ImageError
from airflow_provider_pipes.images.builder import BuildRequest
from airflow_provider_pipes.images.command_builder import CommandImageBuilder
from airflow_provider_pipes.images.flavors import CommandImageBuilderConfig
from airflow_provider_pipes.images.registry import RegistryAccess
from tests.engines.image_builds import Heard

# Plays a builder: writes down how it was called, and does what its name says.
PROGRAM = """#!{python}
import json, os, pathlib, sys
arguments = sys.argv[1:]
auth = os.environ.get("REGISTRY_AUTH_FILE")
call = {{
    "arguments": arguments,
    "environment": {{name: os.environ.get(name) for name in ("SECRET", "OWN")}},
    "login": json.loads(pathlib.Path(auth).read_text()) if auth else None,
    "auth_file": auth,
    "mode": oct(os.stat(auth).st_mode & 0o777) if auth else None,
}}
for index, each in enumerate(arguments):
    if each == "--context":
        root = pathlib.Path(arguments[index + 1])
        files = [file for file in root.rglob("*") if file.is_file()]
        call["files"] = {{str(file.relative_to(root)): file.read_text() for file in files}}
    if each == "--file":
        call["dockerfile"] = pathlib.Path(arguments[index + 1]).read_text()
    if each == "--digest":
        pathlib.Path(arguments[index + 1]).write_text("sha256:" + "d" * 64 + "\\n")
with open({calls!r}, "a") as file:
    file.write(json.dumps(call) + "\\n")
print("STEP 1/1: FROM a")
print("saw", os.environ.get("SECRET"))
if "unauthorized" in arguments:
    print("unauthorized: authentication required")
sys.exit(3 if "fail" in arguments or "unauthorized" in arguments else 0)
"""
BUILD = (
    "builder",
    "build",
    "--file",
    "{dockerfile}",
    "--tag",
    "{image}",
    "{platform}",
    "{build_args}",
    "{options}",
)
CONTEXT = ("--context", "{context}")
PUSH = ("builder", "push", "--digest", "{digest_file}", "{insecure}", "{image}")

Calls = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    program, written = tmp_path / "builder", tmp_path / "calls.jsonl"
    program.write_text(PROGRAM.format(python=sys.executable, calls=str(written)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nothing"))
    return lambda: [json.loads(line) for line in written.read_text().splitlines()]


def builder(**values: Any) -> CommandImageBuilder:
    given = {"preset": None, "build": (*BUILD, *CONTEXT), "push": PUSH, "insecure": ("--plain",), **values}
    return CommandImageBuilder("b", CommandImageBuilderConfig(**given), "command")


def request(**values: Any) -> BuildRequest:
    given = {"files": {"a/b.txt": b"hello", "c.txt": Path(__file__).parent / "__init__.py"}, **values}
    return BuildRequest("host:5000/r:t", "FROM a\n", **given)


def access(**values: Any) -> RegistryAccess:
    return RegistryAccess("host:5000", **values)


def test_placeholders_become_arguments_and_no_shell_reads_them(calls: Calls) -> None:
    options = {"squash": True, "label": ["a=$(b)", "c"], "not_this": False, "buildargs": {}}
    found = builder(platform=("--platform={value}",)).build(
        request(platform="linux/arm64", arguments={"SECRET": "s3cr3t"}, options=options)
    )
    assert found == "host:5000/r:t"
    (call,) = calls()
    assert call["arguments"][0] == "build"
    assert call["arguments"][3:-2] == [
        *("--tag", "host:5000/r:t", "--platform=linux/arm64", "--build-arg", "SECRET"),
        *("--squash", "--label=a=$(b)", "--label=c"),
    ]
    assert call["files"] == {"a/b.txt": "hello", "c.txt": ""}
    assert call["dockerfile"] == "FROM a\n"
    assert call["environment"]["SECRET"] == "s3cr3t"
    assert not Path(call["arguments"][-1]).exists()


def test_what_is_no_placeholder_of_ours_stays(calls: Calls) -> None:
    builder(build=("builder", "{{.Format}}", "{other}", "a-{image}")).build(request())
    assert calls()[0]["arguments"] == ["{{.Format}}", "{other}", "a-host:5000/r:t"]


def test_a_secret_argument_is_masked_in_the_output(calls: Calls) -> None:
    heard = Heard()
    builder().build(request(arguments={"SECRET": "s3cr3t"}, listener=heard))
    assert heard.instructions == ["1/1 FROM a"]
    assert heard.lines == ["saw ***"]


def test_a_pushed_image_is_known_by_the_digest_that_the_command_writes(calls: Calls) -> None:
    found = builder(environment={"OWN": "1"}).build(request(), access(insecure=True))
    assert found == f"host:5000/r@sha256:{'d' * 64}"
    build, push = calls()
    assert build["environment"]["OWN"] == "1"
    assert push["arguments"][3:] == ["--plain", "host:5000/r:t"]


def test_one_command_may_build_and_push(calls: Calls) -> None:
    kaniko = builder(build=(*BUILD, "--digest", "{digest_file}"), push=())
    assert not kaniko.keeps_images
    assert kaniko.build(request(), access()) == f"host:5000/r@sha256:{'d' * 64}"
    assert len(calls()) == 1
    with pytest.raises(ConfigurationError, match="image builder 'b' keeps no images, so they must be pushed"):
        kaniko.build(request())


def test_a_login_reaches_the_command_by_a_file_that_is_gone_afterwards(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").mkdir()
    others = {"auths": {"other": {"auth": "eA=="}}, "credHelpers": {"host:5000": "helper", "third": "helper"}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(others))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    builder().build(request(), access(username="joe", password="pass-word", from_connection=True))
    for call in calls():
        assert call["login"] == {
            "auths": {"other": {"auth": "eA=="}, "host:5000": {"auth": "am9lOnBhc3Mtd29yZA=="}},
            "credHelpers": {"third": "helper"},
        }
        assert call["mode"] == "0o600"
        assert not Path(call["auth_file"]).exists()
        assert "pass-word" not in str(call["arguments"])
    assert json.loads((tmp_path / "docker" / "config.json").read_text()) == others


def test_a_login_of_the_docker_config_file_is_left_to_the_command(calls: Calls) -> None:
    builder().build(request(), access(username="joe", password="pw"))
    assert [call["login"] for call in calls()] == [None, None]


def test_a_failure_tells_what_was_printed_last(calls: Calls) -> None:
    with pytest.raises(
        ImageError, match=r"failed at FROM a \(step 1 of 1 .*: builder ended with exit code 3"
    ):
        builder(build=(*BUILD, "fail")).build(request())


def test_a_registry_that_refuses_us_is_told_as_such(calls: Calls) -> None:
    with pytest.raises(
        ImageError, match=r"registry host:5000 refuses user 'joe' \(here\); correct the password"
    ):
        builder(push=(*PUSH, "unauthorized")).build(
            request(), access(source="here", username="joe", password="pw", from_connection=True)
        )


def test_a_command_that_writes_no_digest_is_told(calls: Calls) -> None:
    with pytest.raises(ImageError, match=r"wrote no digest to \{digest_file\}"):
        builder(push=("builder", "push")).build(request(), access())


def test_a_program_that_is_not_installed_is_told() -> None:
    with pytest.raises(ImageError, match="needs the program 'no-such-builder', which is not on PATH"):
        builder(build=("no-such-builder",)).build(request())


def test_an_image_is_there_if_the_command_finds_it(calls: Calls) -> None:
    assert not builder().find("host:5000/r:t")
    assert builder(find=("builder", "{image}")).find("host:5000/r:t")
    assert not builder(find=("builder", "fail")).find("host:5000/r:t")
    assert calls()[0]["arguments"] == ["host:5000/r:t"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preset": None}, "give build, the program"),
        ({"build": ()}, "build is empty"),
        ({"preset": "x"}, "preset"),
    ],
)
def test_a_builder_without_a_command_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CommandImageBuilderConfig(**values)


@pytest.mark.parametrize("preset", ["buildah", "kaniko"])
def test_presets_name_their_program_and_pass_the_login_by_no_argument(preset: str) -> None:
    config = CommandImageBuilderConfig.model_validate({"preset": preset})
    made = CommandImageBuilder("b", config, "command")
    assert preset in made._commands.build[0]
    assert made.keeps_images == (preset == "buildah")


def test_a_builder_tells_whether_its_programs_are_there_and_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    preset = CommandImageBuilder("b", CommandImageBuilderConfig(), "command")
    with pytest.raises(ImageError, match="needs the program 'buildah', which is not on PATH"):
        preset.check(5.0)
    program = tmp_path / "buildah"
    program.write_text(
        '#!/bin/sh\n[ "$1" = info ] || exit 9\necho kernel has no overlay >&2\nexit ${FAIL:-0}\n'
    )
    program.chmod(0o755)
    assert preset.check(5.0) == str(program)
    monkeypatch.setenv("FAIL", "125")
    with pytest.raises(ImageError, match="'b': `buildah info` failed: kernel has no overlay; run it by hand"):
        preset.check(5.0)
    # What a user named is only looked for.
    own = CommandImageBuilderConfig(preset=None, build=("buildah", "build"))
    assert CommandImageBuilder("b", own, "command").check(5.0) == str(program)
