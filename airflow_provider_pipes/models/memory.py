"""Amounts of memory as users write them, in bytes."""

from __future__ import annotations

import re

_AMOUNT = re.compile(r"(?P<number>\d+(\.\d+)?)\s*((?P<prefix>[kKMGTP])(?P<binary>i)?)?B?\Z")
_POWERS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def memory_bytes(amount: str) -> int:
    """Return an amount such as "16GB" (powers of 1000) or "1.5GiB" (powers of 1024) in bytes.

    Raises:
        ValueError: it is none.
    """
    from fractions import Fraction

    found = _AMOUNT.match(amount)
    if found is None:
        raise ValueError(f"{amount!r} is no amount of memory; write it as '512MB', '16GB' or '1.5GiB'")
    unit = (1024 if found["binary"] else 1000) ** _POWERS.get(found["prefix"], 0)
    # Exactly: a float has not enough digits for the largest amounts.
    return int(Fraction(found["number"]) * unit)
