"""The image registry of the tests, as tests see it."""

from __future__ import annotations

import base64
import json
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True)
class ImageRegistry:
    """A running registry that wants a user and a password.

    Attributes:
        address: ``HOST:PORT``, with which the names of its images begin.
    """

    address: str
    user: str
    password: str

    @property
    def url(self) -> str:
        """Return where its API is."""
        return f"http://{self.address}"

    @property
    def credentials(self) -> dict[str, str]:
        """Return what docker-py takes as ``auth_config``."""
        return {"username": self.user, "password": self.password}

    def docker_config(self) -> str:
        """Return a ``config.json`` that is logged in, for a DOCKER_CONFIG folder or a pull secret."""
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return json.dumps({"auths": {self.address: {"auth": token}}})

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, as the registry itself lists them."""
        request = urllib.request.Request(f"{self.url}/v2/{repository}/tags/list")
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: list[str] = json.load(answer)["tags"] or []
        return found
