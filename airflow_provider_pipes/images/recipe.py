"""How an image is made: its Dockerfile, the files for it, and the hash that names it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from airflow_provider_pipes.images.context import UserBuild
from airflow_provider_pipes.images.light_core import light_core
from airflow_provider_pipes.images.masking import ENVIRONMENT_ARGUMENT, index_settings
from airflow_provider_pipes.models.canonical import content_hash, sha256_hex
from airflow_provider_pipes.models.docker_settings import CONSTRAINT_PREFIX, DockerSettings

_FORMAT = 1
_USER = "1000:1000"
_HOME = "/opt/airflow-provider-pipes"
NO_PYTHON, NO_APT = "pipes: no python", "pipes: no apt-get"
"""What the build prints where the parent image has no such program."""
_PYTHON_OR_FAIL = f"{{ command -v python >/dev/null || {{ echo '{NO_PYTHON}' >&2; exit 127; }}; }}"
# How a build goes on, not what comes out of it.
_WITHOUT_TRACE = frozenset(
    {
        "cache_from",
        "container_limits",
        "extra_hosts",
        "network",
        "network_mode",
        "nocache",
        "pull",
        "quiet",
        "shmsize",
        "timeout",
        "use_config_proxy",
    }
)


@dataclass(frozen=True)
class ImageRecipe:
    """What an image is made of.

    Attributes:
        settings: What the user said, requirements resolved.
        core_requirements: What the light core needs.
        user_build: The Dockerfile that makes the parent image, if there is one.
        code_hash: The code snapshot that is part of it, if one is.
    """

    settings: DockerSettings
    core_requirements: tuple[str, ...] = ()
    user_build: UserBuild | None = None
    code_hash: str | None = None

    @property
    def parent_image(self) -> str:
        """The image to start from, where the user gives no Dockerfile."""
        return self.settings.parent_image or f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"

    @property
    def requirements(self) -> tuple[str, ...]:
        """What the user wants to have installed."""
        return tuple(each for each in self._lines if not each.startswith(CONSTRAINT_PREFIX))

    @property
    def constraints(self) -> tuple[str, ...]:
        """What limits the versions of it."""
        return tuple(
            each.removeprefix(CONSTRAINT_PREFIX) for each in self._lines if each.startswith(CONSTRAINT_PREFIX)
        )

    @property
    def _lines(self) -> tuple[str, ...]:
        given = self.settings.requirements
        if isinstance(given, str):
            raise ValueError(
                f"requirements {given!r} were not resolved; plan images of a compiled deployment"
            )
        return given

    @cached_property
    def build(self) -> str:
        """The hash of what makes the image; nothing of this machine goes in, and no login."""
        parent = f"dockerfile:{self.user_build.hash}" if self.user_build else self.parent_image
        return content_hash(
            {
                "format": _FORMAT,
                "dockerfile": self.dockerfile(parent),
                "requirements": [self.requirements, self.constraints, self.core_requirements],
                "core": light_core().hash,
                "scripts": {name: sha256_hex(data) for name, data in _scripts().items()},
                "platform": self.settings.platform,
                "options": _traced_options(self.settings.build_options),
                "code": self.code_hash,
            }
        )

    @cached_property
    def parent_build(self) -> str:
        """The hash of what makes the parent image, where the user gives a Dockerfile."""
        if self.user_build is None:
            raise ValueError("the parent image is not built")
        options = _traced_options(self.settings.build_options)
        return content_hash([self.user_build.hash, self.settings.platform, options])

    def dockerfile(self, parent: str) -> str:
        """Return the text of the Dockerfile; all that a user wrote was checked to be plain names."""
        installer = self.settings.python_package_installer
        lines = [
            f"FROM {parent} AS pipes-base",
            "USER root",
            *self._apt(),
            # What it installs is copied from it; the installer and the index's address stay behind.
            "FROM pipes-base AS pipes-install",
            f"ARG {ENVIRONMENT_ARGUMENT}",
            "COPY requirements.txt constraints.txt core.txt certificates.pem install.py /pipes/",
            f"RUN {_PYTHON_OR_FAIL} && python -B /pipes/install.py {installer}",
            "FROM pipes-base",
            "COPY --from=pipes-install /pipes/added/ /",
            f"COPY finish/ {_HOME}/build/",
            f"RUN python -B {_HOME}/build/finish.py",
            *self._environment(),
            "ENTRYPOINT []",
            'CMD ["python"]',
            f"USER {self.settings.user or _USER}",
        ]
        return "".join(f"{line}\n" for line in lines)

    def files(self, snapshot: bytes | None = None) -> Mapping[str, bytes | Path]:
        """Return what the Dockerfile copies, without the certificates of this machine.

        Args:
            snapshot: The code, where it is part of the image.
        """
        core, scripts = light_core(), _scripts()
        found: dict[str, bytes | Path] = {
            "requirements.txt": _text(self.requirements),
            "constraints.txt": _text(self.constraints),
            "core.txt": _text(self.core_requirements),
            "install.py": scripts["install.py"],
            "finish/finish.py": scripts["finish.py"],
            f"finish/{core.file_name}": core.wheel,
        }
        if snapshot is not None:
            found[f"finish/{self.code_hash}.zip"] = snapshot
        return found

    def _apt(self) -> list[str]:
        if not self.settings.apt_packages:
            return []
        packages = " ".join(map(shlex.quote, sorted(set(self.settings.apt_packages))))
        check = f"{{ command -v apt-get >/dev/null || {{ echo '{NO_APT}' >&2; exit 127; }}; }}"
        install = f"apt-get install --yes --no-install-recommends {packages}"
        clean = "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin"
        export = "export DEBIAN_FRONTEND=noninteractive"
        return [f"RUN {check} && {export} && apt-get update && {install} && {clean}"]

    def _environment(self) -> list[str]:
        user = self.settings.user
        # A user that has a name has a home; an id alone has "/", where it can't write.
        named = user is not None and not user[0].isdigit()
        return [] if named else ["ENV HOME=/tmp"]


@cache
def _scripts() -> Mapping[str, bytes]:
    folder = Path(__file__).parent / "inside"
    return {name: (folder / name).read_bytes() for name in ("install.py", "finish.py")}


def _text(lines: tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _traced_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the build options that change what comes out."""
    found = {name: value for name, value in options.items() if name not in _WITHOUT_TRACE}
    arguments = found.get("buildargs")
    if isinstance(arguments, Mapping):
        own = set(index_settings({str(name): str(value) for name, value in arguments.items()}))
        found["buildargs"] = {name: value for name, value in arguments.items() if name not in own}
    return found
