"""What `pipes …` imports sooner or later, without Airflow."""

from __future__ import annotations

import importlib
import pkgutil
import sys

_PACKAGES = (
    "authoring",
    "cli",
    "compiler",
    "models",
    "orchestrators",
    "orchestrators.airflow",
    "runtime",
    "stack",
)
# These are for within Airflow.
_AIRFLOWS = ("airflow_provider_pipes.cli.airflow_commands",)


def preload() -> None:
    """Import the command line, the compiler, the orchestrators, and what they import."""
    for name in _PACKAGES:
        package = importlib.import_module(f"airflow_provider_pipes.{name}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name not in _AIRFLOWS:
                importlib.import_module(module.name)
    if "airflow" in sys.modules:
        raise RuntimeError("a command without Airflow shall not find it imported")
