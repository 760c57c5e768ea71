"""The command `pipes`; also `python -m airflow_provider_pipes.cli.main`.

Nothing is imported before ``main`` runs, so that whoever interrupts the imports is answered, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None, program: str = "pipes") -> int:
    """Run a command and return its exit code; ``program`` is what the user called it."""
    try:
        from airflow_provider_pipes.cli.application import execute

        return execute(arguments, program)
    except KeyboardInterrupt:
        from airflow_provider_pipes.cli.failures import tell_interrupted

        return tell_interrupted()


if __name__ == "__main__":
    raise SystemExit(main())
