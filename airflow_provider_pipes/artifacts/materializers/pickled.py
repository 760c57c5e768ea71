"""The last resort: whatever cloudpickle takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_pipes.artifacts.materializers.base import Materializer
from airflow_provider_pipes.errors import ArtifactError

_FILE = "value.pkl"

# Not the newest that the running Python has, since another one may read it.
_PROTOCOL = 5


class CloudpickleMaterializer(Materializer):
    """A pickle; the code of what it holds must be importable, and alike, where it is read."""

    name = "cloudpickle"

    def can_save(self, value: Any) -> bool:
        """Say yes: whether it is so shows only when it is tried."""
        return True

    def save(self, value: Any, directory: Path) -> None:
        """Write the pickle.

        Raises:
            ArtifactError: the value can't be pickled.
        """
        import cloudpickle

        try:
            with (directory / _FILE).open("wb") as file:
                cloudpickle.dump(value, file, protocol=_PROTOCOL)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ArtifactError(
                f"it can't be pickled ({type(error).__name__}: {error}); return plain data, "
                "or give the output a materializer of its own"
            ) from error

    def load(self, directory: Path, expected: Any) -> Any:
        """Return the value, which runs the code that the pickle names."""
        import cloudpickle

        with (directory / _FILE).open("rb") as file:
            return cloudpickle.load(file)
