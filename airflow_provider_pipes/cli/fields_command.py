"""Commands that take the fields of a configuration as options."""

from __future__ import annotations

from typing import Any

from airflow_provider_pipes.cli.completion import component_fields, matching
from airflow_provider_pipes.cli.options import Command


class FieldsCommand(Command):
    """A command whose further options are the fields of a configuration."""

    # A field may well be empty, and of a name our own check says more.
    may_be_empty = frozenset({"fields", "name"})

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the command's own options and the fields."""
        found = super().shell_complete(ctx, incomplete)
        # The class of an item is click's or typer's own, by typer's version; every command has --help.
        item = type(super().shell_complete(ctx, "--help")[0])
        options = ((f"--{name.replace('_', '-')}", text) for name, text in component_fields(ctx))
        return [*found, *(item(name, help=text or None) for name, text in matching(options, incomplete))]
