"""The link on a task that took its result from the cache: to the task that made it.

Imported at every parse of a generated DAG file; finding the address is in ``maker``.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class CachedResultLink(BaseOperatorLink):
    """Leads from a task with a cached result to the task instance that the result is from."""

    name = "Result made by"
    xcom_key = "pipes_result_made_by"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the operator found out while it ran."""
        return str(getattr(operator, "result_made_by", ""))
