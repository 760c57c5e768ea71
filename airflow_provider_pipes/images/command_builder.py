"""The image builder that is a command, as buildah or kaniko; no engine takes part."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_pipes.errors import ConfigurationError, ImageError
from airflow_provider_pipes.images.builder import BaseImageBuilder, BuildRequest
from airflow_provider_pipes.images.failures import BuildOutput
from airflow_provider_pipes.images.listener import BuildListener
from airflow_provider_pipes.images.presets import Commands, commands_of, own_check
from airflow_provider_pipes.images.registry import TOKEN_USER, RegistryAccess
from airflow_provider_pipes.images.registry_client import refused

if TYPE_CHECKING:
    from airflow_provider_pipes.images.flavors import CommandImageBuilderConfig

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFUSED = re.compile(r"unauthorized|authentication required|denied|incorrect username", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{(context|dockerfile|image|digest_file|value)\}")


@dataclass(frozen=True)
class _Run:
    """What the placeholders of one command stand for."""

    values: Mapping[str, str]
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def arguments(self, template: Sequence[str]) -> list[str]:
        found: list[str] = []
        for each in template:
            name = each[1:-1] if each.startswith("{") and each.endswith("}") else ""
            found += self.lists[name] if name in self.lists else [self._filled(each)]
        return found

    def _filled(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: self.values.get(match[1], match[0]), text)


class CommandImageBuilder(BaseImageBuilder):
    """Builds images by a command; a registry's login reaches it by a file of its own."""

    @property
    def config(self) -> CommandImageBuilderConfig:
        """The validated configuration."""
        return cast("CommandImageBuilderConfig", self._config)

    @property
    def keeps_images(self) -> bool:
        """Whether building and pushing are two commands."""
        return bool(self._commands.push)

    @property
    def _commands(self) -> Commands:
        return commands_of(self.config)

    def check(self, seconds: float) -> str:
        """Return the programs, if they are there and, where we know how to ask, work."""
        commands = self._commands
        named = [each[0] for each in (commands.build, commands.push, commands.find) if each]
        programs = dict.fromkeys(self._program(each) for each in named)
        # What a user named may do anything when it is called otherwise.
        asked = own_check(self.config)
        if asked:
            self._ask(asked, seconds)
        return ", ".join(programs)

    def _ask(self, command: Sequence[str], seconds: float) -> None:
        said = f"image builder {self.name!r}: `{' '.join(command)}`"
        try:
            done = subprocess.run(
                [self._program(command[0]), *command[1:]],
                env={**os.environ, **self.config.environment},
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            raise ImageError(f"{said} can't be run: {error}; run it by hand to see why") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise ImageError(f"{said} failed: {last}; run it by hand to see more")

    def find(self, image: str) -> bool:
        """Return whether the command to find an image succeeds; without one, there is none."""
        if not self._commands.find:
            return False
        command = _Run({"image": image}).arguments(self._commands.find)
        done = subprocess.run(
            [self._program(command[0]), *command[1:]],
            env={**os.environ, **self.config.environment},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode == 0

    def build(self, request: BuildRequest, registry: RegistryAccess | None = None) -> str:
        """Build an image and push it, by one command or two."""
        if registry is None and not self.keeps_images:
            raise ConfigurationError(
                f"image builder {self.name!r} keeps no images, so they must be pushed; name a container "
                'registry of flavor "docker" in the stack'
            )
        output = BuildOutput(request)
        with tempfile.TemporaryDirectory(prefix="pipes-build-") as folder:
            run = self._build_run(request, registry, Path(folder))
            with _login_variables(registry) as variables:
                failed = self._execute(self._commands.build, run, {**variables, **request.arguments}, output)
            if failed is not None:
                raise _error(registry if not self.keeps_images else None, output, failed)
            if registry is None:
                return request.image
            if not self.keeps_images:
                return _reference(request.image, Path(folder, "digest"))
        return self.push(request.image, registry, request.listener)

    def push(self, image: str, registry: RegistryAccess, listener: BuildListener) -> str:
        """Push an image that was built, and return its reference by digest."""
        listener.push_started(image, registry.server)
        output = BuildOutput(BuildRequest(image, "", {}, listener=listener))
        with tempfile.TemporaryDirectory(prefix="pipes-push-") as folder:
            digest_file = Path(folder, "digest")
            insecure = (self._commands.insecure or ()) if registry.insecure else ()
            run = _Run({"image": image, "digest_file": str(digest_file)}, {"insecure": insecure})
            with _login_variables(registry) as variables:
                failed = self._execute(self._commands.push, run, variables, output)
            if failed is not None:
                raise _error(registry, output, failed)
            return _reference(image, digest_file)

    def _build_run(self, request: BuildRequest, registry: RegistryAccess | None, folder: Path) -> _Run:
        context = folder / "context"
        _write_context(context, request.files)
        dockerfile = folder / "Dockerfile"
        dockerfile.write_text(request.dockerfile, encoding="utf-8")
        commands = self._commands
        platform = _Run({"value": request.platform or ""}).arguments(commands.platform or ())
        return _Run(
            {
                "context": str(context),
                "dockerfile": str(dockerfile),
                "image": request.image,
                "digest_file": str(folder / "digest"),
            },
            {
                "platform": platform if request.platform else (),
                # By name alone: the values are in the environment, where no list of processes shows them.
                "build_args": [part for name in request.arguments for part in ("--build-arg", name)],
                "options": _options(request.options),
                "insecure": (commands.insecure or ()) if registry is not None and registry.insecure else (),
            },
        )

    def _program(self, name: str) -> str:
        found = shutil.which(name)
        if found is None:
            raise ImageError(
                f"image builder {self.name!r} needs the program {name!r}, which is not on PATH; install it, "
                "or choose another image builder"
            )
        return found

    def _execute(
        self, template: Sequence[str], run: _Run, variables: Mapping[str, str], output: BuildOutput
    ) -> str | None:
        """Run a command, pass on what it prints, and return how it failed."""
        command = run.arguments(template)
        environment = {**os.environ, **self.config.environment, **variables}
        with subprocess.Popen(
            [self._program(command[0]), *command[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for line in process.stdout or ():
                    output.hear(line)
            except BaseException:
                process.terminate()
                raise
        return f"{command[0]} ended with exit code {process.returncode}" if process.returncode else None


def _error(registry: RegistryAccess | None, output: BuildOutput, failed: str) -> ImageError:
    if registry is not None and any(_REFUSED.search(line) for line in output.last):
        return refused(registry)
    return output.failure(failed)


def _reference(image: str, digest_file: Path) -> str:
    try:
        found = _DIGEST.search(digest_file.read_text(encoding="utf-8"))
    except OSError:
        found = None
    if found is None:
        raise ImageError(
            f"the command that pushed image {image} wrote no digest to {{digest_file}}; add the argument "
            "that makes it do so, as --digestfile of buildah"
        )
    return f"{image.rpartition(':')[0]}@{found.group()}"


def _write_context(folder: Path, files: Mapping[str, bytes | Path]) -> None:
    folder.mkdir()
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copy2(content, target, follow_symlinks=False)


def _options(options: Mapping[str, Any]) -> list[str]:
    """Return ``build_options`` as arguments: True is a bare option, a list gives one several times."""
    found: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if name == "buildargs" or value is False or value is None:
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            found.append(option if each is True else f"{option}={each}")
    return found


@contextmanager
def _login_variables(registry: RegistryAccess | None) -> Iterator[dict[str, str]]:
    """Give the variables that name a docker config file with a connection's login beside the user's own."""
    if registry is None or registry.username in (None, TOKEN_USER) or not registry.from_connection:
        yield {}
        return
    from docker.utils.config import load_general_config

    config = load_general_config()
    config = {name: dict(config.get(name, {})) for name in ("auths", "credHelpers")}
    config["credHelpers"].pop(registry.server, None)
    login = f"{registry.username}:{registry.password}".encode()
    config["auths"][registry.server] = {"auth": base64.b64encode(login).decode()}
    with tempfile.TemporaryDirectory(prefix="pipes-login-") as folder:
        file = Path(folder, "config.json")
        file.touch(mode=0o600)
        file.write_text(json.dumps(config), encoding="utf-8")
        yield {"DOCKER_CONFIG": folder, "REGISTRY_AUTH_FILE": str(file)}
