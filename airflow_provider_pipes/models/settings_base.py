"""What all settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings: frozen, and a field that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
