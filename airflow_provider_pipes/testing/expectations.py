"""How a contract suite says what it expects."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import pytest

from airflow_provider_pipes.errors import message_of

_SHOWN = 600


def expect(condition: object, contract: str, got: Any = ...) -> None:
    """Fail the test with the sentence of the contract that does not hold.

    Args:
        condition: Whether it holds.
        contract: The sentence, as an author of an implementation reads it.
        got: What was found instead.
    """
    __tracebackhide__ = True
    if not condition:
        pytest.fail(_text(contract, got), pytrace=True)


def expect_equal(found: Any, expected: Any, contract: str) -> None:
    """Fail the test, with both values, if they are not equal."""
    __tracebackhide__ = True
    if found != expected:
        pytest.fail(f"{_text(contract, found)}\n  expected: {_short(expected)}")


class expect_error:  # noqa: N801 - read as the functions beside it
    """Fail the test unless the block raises an error of a kind.

    Args:
        kind: The error's class, or those of which it may be one.
        contract: The sentence of the contract that demands it.
    """

    def __init__(self, kind: type[BaseException] | tuple[type[BaseException], ...], contract: str) -> None:
        self._kind = kind
        self._contract = contract

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Swallow the error that was expected, and fail for any other."""
        __tracebackhide__ = True
        if isinstance(error, self._kind):
            return True
        if error is None:
            pytest.fail(_text(self._contract, "no error at all"))
        if not isinstance(error, Exception):
            return False
        raise AssertionError(_text(self._contract, _described(error))) from error


class expect_no_error:  # noqa: N801 - read as the functions beside it
    """Fail the test with the sentence of the contract if the block raises an error.

    Args:
        contract: The sentence.
    """

    def __init__(self, contract: str) -> None:
        self._contract = contract

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Fail if there is an error."""
        __tracebackhide__ = True
        if isinstance(error, Exception):
            raise AssertionError(_text(self._contract, _described(error))) from error


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {message_of(error)}"


def _text(contract: str, got: Any) -> str:
    lines = [f"the contract: {contract}"]
    if got is not ...:
        lines.append(f"  got:      {_short(got)}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
