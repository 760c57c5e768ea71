from __future__ import annotations

from tests.cli.conftest import numbers, project

__all__ = ["numbers", "project"]
