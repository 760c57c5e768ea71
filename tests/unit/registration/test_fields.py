from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from airflow_provider_pipes.registration.fields import ConfigField, config_fields
from airflow_provider_pipes.stack.config import StackComponentConfig


class Base(StackComponentConfig):
    """Base.

    Attributes:
        connection: Who
            to ask.
    """

    connection: str | None = None


class Config(Base):
    """A config.

    Attributes:
        name: What it is called: anything.
        nodes (list): Where it runs.

    Example::

        Config(name="x")
    """

    nodes: list[str] = Field(default_factory=list)
    name: Annotated[str, AfterValidator(str.strip)]
    mode: Literal["a.b", "c"] = Field(default="c", description="How.")
    table: dict[str, tuple[int, ...]] = Field(default={})
    limit: int | None = Field(default=3, ge=1)


def test_fields_have_type_default_and_meaning_and_those_needed_come_first() -> None:
    assert config_fields(Config) == [
        ConfigField("name", "str", None, "What it is called: anything."),
        ConfigField("connection", "str | None", "None", "Who to ask."),
        ConfigField("nodes", "list[str]", "[]", "Where it runs."),
        ConfigField("mode", "'a.b' | 'c'", "'c'", "How."),
        ConfigField("table", "dict[str, tuple[int, ...]]", "{}", ""),
        ConfigField("limit", "int | None", "3", ""),
    ]


def test_a_default_that_can_not_be_computed_alone_is_no_obstacle() -> None:
    class Odd(StackComponentConfig):
        size: int = Field(default_factory=lambda: 1 // 0)

    assert config_fields(Odd) == [ConfigField("size", "int", "(computed)", "")]
