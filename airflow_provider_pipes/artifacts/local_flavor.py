"""The artifact store in a folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, cast

from pydantic import AfterValidator

from airflow_provider_pipes.artifacts.component import (
    BaseArtifactStore,
    BaseArtifactStoreConfig,
    BaseArtifactStoreFlavor,
)


def _plain_path(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("expected the path of a folder")
    if "://" in value:
        raise ValueError(
            "expected the path of a folder, got a URL; a remote store has flavor = 's3', 'gcs', 'abfs' or "
            "'fsspec', and a uri"
        )
    return value


class LocalArtifactStoreConfig(BaseArtifactStoreConfig):
    """Configuration of a local artifact store.

    Attributes:
        path: A folder, relative to the folder of pipes.toml.
    """

    path: Annotated[str, AfterValidator(_plain_path)] = ".pipes/artifacts"


class LocalArtifactStore(BaseArtifactStore):
    """Artifacts in a folder of this machine, or in one that is mounted wherever steps run."""

    @property
    def config(self) -> LocalArtifactStoreConfig:
        """The validated configuration."""
        return cast(LocalArtifactStoreConfig, self._config)

    def uri(self, root: Path) -> str:
        """Return the folder's absolute path."""
        return os.path.abspath(root / Path(self.config.path).expanduser())


class LocalArtifactStoreFlavor(BaseArtifactStoreFlavor):
    """Flavor of local artifact stores."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "local"

    @property
    def config_class(self) -> type[LocalArtifactStoreConfig]:
        """The class of the configuration."""
        return LocalArtifactStoreConfig

    @property
    def implementation_class(self) -> type[LocalArtifactStore]:
        """The class of the artifact store."""
        return LocalArtifactStore
