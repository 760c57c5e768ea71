"""Imports a flavor and its config where only some packages are, in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# The package itself, pydantic and what that is made of.
_LIGHT = (
    "airflow_provider_pipes",
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "typing_inspection",
)


class _OnlyAllowed(MetaPathFinder):
    """Makes every other package one that is not installed."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = {*sys.stdlib_module_names, *_LIGHT, *allowed}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse what is not allowed, and leave the rest to the other finders."""
        top = fullname.partition(".")[0]
        # This one is part of the standard library, under a name of the platform's.
        if top not in self.allowed and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {fullname!r} (hidden by the contract)", name=top)
        return None


def main(request: str) -> None:
    """Print, as JSON, what kept the config and the implementation from being imported."""
    wanted = json.loads(request)
    from airflow_provider_pipes.stack.classpath import import_class

    finder = _OnlyAllowed(wanted["allowed"])
    sys.meta_path.insert(0, finder)
    answer = {"config": "", "implementation": ""}
    try:
        flavor = import_class(wanted["flavor"])()
        flavor.config_class.model_validate(wanted["values"])
        _ = flavor.name, flavor.type, flavor.install_hint
    except Exception as error:
        answer["config"] = f"{type(error).__name__}: {error}"
    else:
        finder.allowed.update(wanted["installed"])
        try:
            _ = flavor.implementation_class
        except Exception as error:
            answer["implementation"] = f"{type(error).__name__}: {error}"
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main(sys.stdin.read())
