"""Classes that another process can import, as those of a user's project."""

from __future__ import annotations

import datetime
import enum
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pydantic

from airflow_provider_pipes.artifacts.materializers import Materializer

T = TypeVar("T")


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    members: tuple[Any, ...] = ()


@dataclass(slots=True, kw_only=True)
class Slotted:
    value: Any
    doubled: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.doubled = [self.value, self.value]


@dataclass
class Stricter(Point):
    """Its constructor does not take what its fields hold."""

    def __post_init__(self) -> None:
        self.y += 1


@dataclass
class Generic1(Generic[T]):
    value: T


@dataclass
class Computes:
    x: int

    @functools.cached_property
    def square(self) -> int:
        return self.x * self.x


@dataclass
class PicklesItself:
    x: int

    def __getstate__(self) -> dict[str, Any]:
        return {"x": self.x}


@dataclass
class ExtendsDict(dict):  # type: ignore[type-arg]
    x: int = 0


class Colour(enum.Enum):
    RED = "red"


class Inner(pydantic.BaseModel):
    name: str
    score: float = 1.5
    tags: list[str] = []


class Outer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    inner: Inner
    by_name: dict[str, Inner] = {}
    colour: Colour = Colour.RED
    when: datetime.datetime | None = None
    aliased: int = pydantic.Field(default=0, alias="Aliased")


class Anything(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    value: Any = None


class GrowsOnValidation(pydantic.BaseModel):
    value: int

    @pydantic.field_validator("value")
    @classmethod
    def _add_one(cls, value: int) -> int:
        return value + 1


class Token(pydantic.BaseModel):
    secret: pydantic.SecretStr
    _private: int = pydantic.PrivateAttr(default=1)


class Temperature:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Temperature) and other.degrees == self.degrees

    __hash__ = None  # type: ignore[assignment]


class TemperatureMaterializer(Materializer):
    name = "temperature"
    version = 3

    def can_save(self, value: Any) -> bool:
        return isinstance(value, Temperature)

    def save(self, value: Temperature, directory: Path) -> None:
        (directory / "degrees").write_text(repr(value.degrees))

    def load(self, directory: Path, expected: Any) -> Temperature:
        return Temperature(float((directory / "degrees").read_text()))


class SavesNothing(TemperatureMaterializer):
    def save(self, value: Temperature, directory: Path) -> None:
        pass


class LeavesALink(TemperatureMaterializer):
    def save(self, value: Temperature, directory: Path) -> None:
        (directory / "link").symlink_to("/etc/passwd")


class FillsTheDisk(TemperatureMaterializer):
    def save(self, value: Temperature, directory: Path) -> None:
        (directory / "half").write_bytes(b"half")
        raise OSError(28, "No space left on device")


class Interrupted(TemperatureMaterializer):
    def save(self, value: Temperature, directory: Path) -> None:
        (directory / "half").write_bytes(b"half")
        raise KeyboardInterrupt


class CantDecide(TemperatureMaterializer):
    def can_save(self, value: Any) -> bool:
        raise ZeroDivisionError("oops")


class NeedsArguments(TemperatureMaterializer):
    def __init__(self, path: str) -> None:
        self.path = path


class Incomplete(Materializer):
    name = "incomplete"

    def can_save(self, value: Any) -> bool:
        return True


class NotOne:
    pass


class HasNoName(TemperatureMaterializer):
    name = None  # type: ignore[assignment]


class RaisesOnRepr:
    def __repr__(self) -> str:
        raise ValueError("no repr")
