"""What the light core needs beside the standard library, in an image or in an environment of a step's own."""

from __future__ import annotations

from collections.abc import Mapping

CORE_REQUIREMENTS = ("cloudpickle>=3.0", "fsspec>=2024.10", "pydantic>=2.10")
"""Of every step; floors as in our own dependencies."""

_S3 = {"obstore": "obstore>=0.11", "s3fs": "s3fs>=2024.10"}
_GCS = {"gcsfs": "gcsfs>=2024.10"}
_AZURE = {"adlfs": "adlfs>=2024.7"}
_CLIENTS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("abfs", "abfss", "az"), _AZURE),
}


def store_clients(scheme: str) -> Mapping[str, str]:
    """Return the clients for artifact stores of a URL's scheme: modules and requirements, the best first."""
    return _CLIENTS.get(scheme, {})
