"""What Airflow is told about this provider; it asks at every start, so nothing is imported here."""

from __future__ import annotations

from typing import Any

_OPERATORS = "airflow_provider_pipes.operators"
_MODULES = ("docker", "kubernetes", "python")
_OPTIONS = {
    "cache_dir": {
        "description": (
            "Absolute path of the folder where a worker extracts the code of pipelines and finds it again. "
            "By default that is the user's cache folder, ``~/.cache/airflow-provider-pipes``. The "
            "environment variable PIPES_CACHE_DIR goes before it. The folders ``code``, ``environments`` and "
            "``core`` below it have to be their user's alone (mode 0700)."
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/var/cache/pipes",
        "default": None,
    },
    "cached_environments": {
        "description": (
            "How many Python environments of steps with ``requirements`` a worker keeps. After one is made, "
            "those beyond the number that were not used for the longest time are removed; never one that a "
            "live process uses."
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": "5",
        "default": "20",
    },
    "cached_snapshots": {
        "description": (
            "How many extracted code snapshots a worker keeps. After an extraction, those beyond it that "
            "were not used for the longest time are removed; never one that a live process uses."
        ),
        "version_added": "0.1.0",
        "type": "integer",
        "example": "20",
        "default": "100",
    },
    "use_cache": {
        "description": (
            "Whether steps take results from the cache. A run's own ``pipes_cache`` in its conf goes before "
            "it, and a step with ``cache=False`` never does. New results are filed in the cache in any case."
        ),
        "version_added": "0.1.0",
        "type": "boolean",
        "example": "False",
        "default": "True",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, as Airflow's provider_info schema has it."""
    return {
        "package-name": "airflow-provider-pipes",
        "name": "Pipes",
        "description": "Typed Python functions in, a readable Airflow DAG out.",
        "integrations": [{"integration-name": "Pipes", "tags": ["software"]}],
        "operators": [
            {"integration-name": "Pipes", "python-modules": [f"{_OPERATORS}.{name}" for name in _MODULES]}
        ],
        "triggers": [
            {"integration-name": "Pipes", "python-modules": ["airflow_provider_pipes.triggers.job"]}
        ],
        "extra-links": ["airflow_provider_pipes.operators.links.CachedResultLink"],
        "cli": ["airflow_provider_pipes.cli.airflow_commands.get_pipes_commands"],
        "config": {
            "pipes": {
                "description": "Steps of pipelines that were deployed by airflow-provider-pipes.",
                "options": _OPTIONS,
            }
        },
    }
