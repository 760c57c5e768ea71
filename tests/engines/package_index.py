"""How this machine finds its package index, for builds and containers that have none of its settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

# Where the base image has the machine's certificates.
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PIP = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "trusted-host": "PIP_TRUSTED_HOST",
}
_UV = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def index_environment() -> dict[str, str]:
    """Return the environment with which pip and uv in a container reach the index that they reach here."""
    found = {name: os.environ[name] for name in (*_UV, *_PROXIES) if os.environ.get(name)}
    settings = _pip_settings()
    for option, name in _PIP.items():
        # An address of a folder means nothing in a container.
        values = [
            each
            for each in re.split(r"\s+|\\n", settings.get(option, ""))
            if each and not each.startswith("file:")
        ]
        if values:
            found[name] = " ".join(values)
    if "PIP_INDEX_URL" in found:
        found.setdefault("UV_DEFAULT_INDEX", found["PIP_INDEX_URL"])
    certificates = dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), _CERTIFICATES)
    return {**found, **certificates, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _pip_settings() -> dict[str, str]:
    # A virtual environment may be without pip; the interpreter below it has it, as the base image does.
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    command = [str(python), "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # The strongest come last: the machine's, the user's, the environment's.
    return dict(re.findall(r"^[^=]*\.([\w-]+)='(.*)'$", done.stdout, re.MULTILINE))
