"""One JSON text and one hash for a value, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any


def canonical_json(
    value: Any, *, keep_order: bool = False, default: Callable[[Any], Any] | None = None
) -> bytes:
    """Return the JSON of ``value`` without spaces and ASCII only.

    ASCII, since a lone surrogate is valid in a Python string and in JSON but not in UTF-8.

    Args:
        value: JSON values.
        keep_order: Whether keys stay as they are, where a user's dicts must come back in their order
            and everything else has an order of its own; they are sorted otherwise.
        default: Gives JSON for a value that is none.
    """
    text = json.dumps(
        value, sort_keys=not keep_order, separators=(",", ":"), ensure_ascii=True, default=default
    )
    return text.encode("ascii")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def content_hash(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value``."""
    return sha256_hex(canonical_json(value))
