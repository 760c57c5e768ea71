"""Which folder is the home of an Airflow that `pipes up` starts."""

from __future__ import annotations

from pathlib import Path

RECORD_FILE = "pipes-airflow.json"
LOCK_FILE = "pipes-airflow.lock"


def own_home(project_root: Path) -> Path:
    """Return the home of a project's own Airflow, unless another is asked for."""
    return project_root / ".pipes" / "airflow"


def is_own_home(home: Path, project_root: Path) -> bool:
    """Return whether `pipes up` starts, or once started, an Airflow with this home."""
    found = home.expanduser().resolve()
    if found == own_home(project_root).resolve():
        return True
    return any((found / name).exists() for name in (RECORD_FILE, LOCK_FILE))
