"""How long each component of a local Airflow waits for its SQLite database; Airflow imports this by its name.

A scheduler that finds the database locked for too long ends and is not started again, so it waits long.
The API server writes its audit log in the thread that other requests need in order to commit, so what it
waits for may be itself; it gives up soon, and its clients ask again.
"""

from __future__ import annotations

import sys

CONNECT_ARGS = {"timeout": 3 if "api-server" in sys.argv else 60}
