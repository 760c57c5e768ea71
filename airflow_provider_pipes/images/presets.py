"""The commands of image builders that we know, with their placeholders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_pipes.images.flavors import CommandImageBuilderConfig

Template = tuple[str, ...]


@dataclass(frozen=True)
class Commands:
    """Programs with their arguments."""

    build: Template
    push: Template = ()
    find: Template = ()
    platform: Template = ()
    insecure: Template = ()


_PRESETS = {
    "buildah": Commands(
        build=(
            *("buildah", "build", "--file", "{dockerfile}", "--tag", "{image}", "--layers", "{insecure}"),
            *("{platform}", "{build_args}", "{options}", "{context}"),
        ),
        push=(
            "buildah",
            "push",
            "--digestfile",
            "{digest_file}",
            "{insecure}",
            "{image}",
            "docker://{image}",
        ),
        find=("buildah", "images", "--quiet", "{image}"),
        platform=("--platform", "{value}"),
        insecure=("--tls-verify=false",),
    ),
    "kaniko": Commands(
        build=(
            *("/kaniko/executor", "--dockerfile", "{dockerfile}", "--context", "dir://{context}"),
            *("--destination", "{image}", "--digest-file", "{digest_file}", "{insecure}"),
            *("{platform}", "{build_args}", "{options}"),
        ),
        platform=("--custom-platform", "{value}"),
        insecure=("--insecure",),
    ),
}


# They succeed where the program can work, and change nothing.
_CHECKS: dict[str, Template] = {"buildah": ("buildah", "info"), "kaniko": ("/kaniko/executor", "version")}


def own_check(config: CommandImageBuilderConfig) -> Template:
    """Return the command that tells whether a preset's program works; none where the user named others."""
    return _CHECKS[config.preset] if config.preset and config.build is None else ()


def commands_of(config: CommandImageBuilderConfig) -> Commands:
    """Return the commands of a configuration, those of its preset where it names none."""
    preset = _PRESETS[config.preset] if config.preset else Commands(build=())
    given = {name: getattr(config, name) for name in Commands.__dataclass_fields__}
    return Commands(**{name: getattr(preset, name) if each is None else each for name, each in given.items()})
