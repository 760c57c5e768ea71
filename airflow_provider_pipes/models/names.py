"""Names that users choose, made safe for paths and identifiers."""

from __future__ import annotations

import re

from airflow_provider_pipes.models.canonical import sha256_hex

# Airflow's own rule for DAG and task ids (airflow.utils.helpers.validate_key): word characters, dots and
# dashes, at most 250 characters.
AIRFLOW_KEY = re.compile(r"^[\w.-]+\Z")
AIRFLOW_KEY_MAX_LENGTH = 250
# Airflow names folders of logs "dag_id=…" and "task_id=…" after them, and file systems take 255 bytes: a task
# with a longer id fails before it can say why.
AIRFLOW_KEY_MAX_BYTES = 247

_SAFE_SEGMENT = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+=@:-]{0,99}\Z")


def path_segment(name: str) -> str:
    """Return ``name`` itself where it is harmless as one segment of a path, and a hash where it is not.

    A name that is long, starts with a dot or holds anything but plain ASCII becomes ``h-`` and 40
    hexadecimal digits, so that no name can leave its folder or break a file system's limits. A
    name that already looks like such a hash is hashed too: two names never share a segment. So is
    one that ends in ".json": it might be that of a document beside it.
    """
    if _SAFE_SEGMENT.match(name) and not name.startswith("h-") and not name.endswith(".json"):
        return name
    return "h-" + sha256_hex(name.encode("utf-8", "surrogatepass"))[:40]


def airflow_key_problem(kind: str, name: str) -> str | None:
    """Return why Airflow would not take ``name`` as an id, or None."""
    if not name:
        return f"{kind} has an empty name; give it one"
    if len(name) > AIRFLOW_KEY_MAX_LENGTH:
        return (
            f"{kind} name {name[:40]!r}… has {len(name)} characters; Airflow takes at most "
            f"{AIRFLOW_KEY_MAX_LENGTH}: shorten it"
        )
    if name in (".", ".."):
        return f"{kind} name {name!r} is lost in the addresses of Airflow's API: rename it with name=…"
    if not AIRFLOW_KEY.match(name):
        bad = sorted({character for character in name if not re.match(r"[\w.-]", character)})
        return (
            f"{kind} name {name!r} holds {', '.join(map(repr, bad))}; Airflow takes letters, digits, "
            "'_', '-' and '.': rename it with name=…"
        )
    size = len(name.encode())
    if size > AIRFLOW_KEY_MAX_BYTES:
        return (
            f"{kind} name {name[:40]!r}… has {size} bytes; the folders of Airflow's logs take at most "
            f"{AIRFLOW_KEY_MAX_BYTES}: shorten it"
        )
    return None
