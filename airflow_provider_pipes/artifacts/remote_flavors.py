"""Artifact stores behind a URL."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, cast
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from airflow_provider_pipes.artifacts.component import (
    BaseArtifactStore,
    BaseArtifactStoreConfig,
    BaseArtifactStoreFlavor,
)


class FsspecArtifactStoreConfig(BaseArtifactStoreConfig):
    """Configuration of an artifact store behind any URL that fsspec knows.

    Attributes:
        uri: Folder that holds the artifacts, without credentials.
        connection_id: Airflow connection with the credentials; without one, those of the
            surroundings count (environment, instance role, …).
    """

    schemes: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str] = "sftp://host/folder"

    uri: str
    connection_id: str | None = Field(default=None, min_length=1)

    @field_validator("uri")
    @classmethod
    def _check_uri(cls, value: str) -> str:
        # No message may repeat the value: it is refused here for what it should not hold.
        scheme, separator, rest = value.partition("://")
        if not separator or not scheme or "::" in value:
            raise ValueError(f"expected a URL as '{cls.example}'")
        if scheme in ("file", "local"):
            raise ValueError("this is a folder of this machine; use flavor = 'local' and its path")
        if cls.schemes and scheme not in cls.schemes:
            known = " or ".join(f"{each}://" for each in cls.schemes)
            raise ValueError(f"expected a URL that begins with {known}, got {scheme}://")
        cls._check_rest(scheme, rest)
        return value.rstrip("/") if rest.strip("/") else value

    @classmethod
    def _check_rest(cls, scheme: str, rest: str) -> None:
        try:
            parts = urlsplit(f"{scheme}://{rest}")
            user, password = parts.username, parts.password
        except ValueError:
            raise ValueError(f"expected a URL as '{cls.example}'") from None
        # The "@" of Azure's container@account is no login.
        if password is not None or (user and scheme in ("s3", "s3a", "gs", "gcs")):
            raise ValueError(
                "credentials never stand in a URL; put them into an Airflow connection and name it "
                "with connection_id"
            )
        if parts.query or parts.fragment:
            raise ValueError(
                "expected a URL without '?' and '#'; what is secret or optional goes into an "
                "Airflow connection, named with connection_id"
            )
        if cls.schemes and not parts.netloc:
            raise ValueError(f"expected a URL with a bucket or container, as '{cls.example}'")
        if ".." in parts.path.split("/"):
            raise ValueError("expected a URL without '..'")


class S3ArtifactStoreConfig(FsspecArtifactStoreConfig):
    """Configuration of an artifact store in S3, or in what speaks its protocol."""

    schemes = ("s3", "s3a")
    example = "s3://bucket/folder"


class GcsArtifactStoreConfig(FsspecArtifactStoreConfig):
    """Configuration of an artifact store in Google Cloud Storage."""

    schemes = ("gs", "gcs")
    example = "gs://bucket/folder"


class AbfsArtifactStoreConfig(FsspecArtifactStoreConfig):
    """Configuration of an artifact store in Azure Blob Storage."""

    schemes = ("abfs", "abfss", "az")
    example = "abfs://container/folder"


class FsspecArtifactStore(BaseArtifactStore):
    """Artifacts behind a URL."""

    @property
    def config(self) -> FsspecArtifactStoreConfig:
        """The validated configuration."""
        return cast(FsspecArtifactStoreConfig, self._config)

    def uri(self, root: Path) -> str:
        """Return the URL."""
        return self.config.uri


class FsspecArtifactStoreFlavor(BaseArtifactStoreFlavor):
    """Flavor of artifact stores behind any URL that fsspec knows."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "fsspec"

    @property
    def config_class(self) -> type[FsspecArtifactStoreConfig]:
        """The class of the configuration."""
        return FsspecArtifactStoreConfig

    @property
    def implementation_class(self) -> type[FsspecArtifactStore]:
        """The class of the artifact store."""
        return FsspecArtifactStore


class S3ArtifactStoreFlavor(FsspecArtifactStoreFlavor):
    """Flavor of artifact stores in S3."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "s3"

    @property
    def config_class(self) -> type[S3ArtifactStoreConfig]:
        """The class of the configuration."""
        return S3ArtifactStoreConfig


class GcsArtifactStoreFlavor(FsspecArtifactStoreFlavor):
    """Flavor of artifact stores in Google Cloud Storage."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "gcs"

    @property
    def config_class(self) -> type[GcsArtifactStoreConfig]:
        """The class of the configuration."""
        return GcsArtifactStoreConfig


class AbfsArtifactStoreFlavor(FsspecArtifactStoreFlavor):
    """Flavor of artifact stores in Azure Blob Storage."""

    @property
    def name(self) -> str:
        """The flavor's name."""
        return "abfs"

    @property
    def config_class(self) -> type[AbfsArtifactStoreConfig]:
        """The class of the configuration."""
        return AbfsArtifactStoreConfig
