"""A server that speaks S3, in a process of its own, which containers and pods reach too."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from obstore.store import S3Store

from airflow_provider_pipes.testing.waiting import wait_until
from tests.airflow.running import free_port

KEY = "bucket-s3cr3t-4711"
"""The secret key of the connection."""
STACK: dict[str, Any] = {
    "active_stack": "team",
    "stacks": {"team": {"orchestrator": "airflow", "artifact_store": "bucket"}},
    "artifact_stores": {
        "bucket": {"flavor": "s3", "uri": "s3://bucket/pipes", "connection_id": "team_store"}
    },
}
"""Tables of pipes.toml: a store whose credentials are the connection "team_store"."""


@dataclass(frozen=True)
class Bucket:
    """A bucket with the name "bucket".

    Attributes:
        url: Where its server is.
        login: Key id of the connection.
    """

    url: str
    login: str = field(default="pipes-tests")

    @property
    def connection(self) -> str:
        """Return the Airflow connection, as an environment variable holds it."""
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        return json.dumps({"conn_type": "aws", "login": self.login, "password": KEY, "extra": extra})

    def objects(self) -> dict[str, bytes]:
        """Return all that is in the bucket."""
        store = S3Store(
            "bucket",
            endpoint=self.url,
            region="us-east-1",
            access_key_id=self.login,
            secret_access_key=KEY,
            client_options={"allow_http": True},
        )
        names = [each["path"] for page in store.list() for each in page]
        return {name: bytes(store.get(name).bytes()) for name in names}


@contextlib.contextmanager
def bucket(address: str) -> Iterator[Bucket]:
    """Run a server with an empty bucket.

    Args:
        address: Of this machine, as all who use the bucket see it.
    """
    made = Bucket(f"http://{address}:{free_port()}")
    port = made.url.rpartition(":")[2]
    command = [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", port]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until(lambda: _is_up(made), "the bucket's server", 60)
            request = urllib.request.Request(f"{made.url}/bucket", method="PUT")
            urllib.request.urlopen(request, timeout=30).close()
            yield made
        finally:
            process.terminate()


def _is_up(made: Bucket) -> bool:
    try:
        urllib.request.urlopen(made.url, timeout=30).close()
    except urllib.error.URLError:
        return False
    return True
