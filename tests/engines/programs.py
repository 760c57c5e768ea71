"""Programs that containers and pods run, to see what an engine does with them."""

from __future__ import annotations

EAT_MEMORY = "held = []\nwhile True: held.append(bytearray(8_000_000))"


def fetch(address: str, port: int) -> list[str]:
    """Return a command that prints what a server answers."""
    url = f"http://{address}:{port}/"
    program = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=10).read().decode())"
    return ["python3", "-c", program]
