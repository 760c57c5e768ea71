from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.models.memory import memory_bytes


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("1k", 1000),
        ("1K", 1000),
        ("1Ki", 1024),
        ("512MB", 512_000_000),
        ("512 MiB", 536_870_912),
        ("16GB", 16_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("0.1KB", 100),
        ("2TB", 2 * 10**12),
        ("1PiB", 2**50),
        ("0.3B", 0),
    ],
)
def test_an_amount_is_that_many_bytes(amount: str, expected: int) -> None:
    assert memory_bytes(amount) == expected


@pytest.mark.parametrize("amount", ["", "GB", "16XB", "-1GB", "1,5GB", "1.GB", "1e3", "16GB\n", "lots"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount of memory; write it as '512MB'"):
        memory_bytes(amount)


@given(number=st.integers(0, 10**6), unit=st.sampled_from("KMGTP"))
def test_whole_numbers_lose_nothing(number: int, unit: str) -> None:
    power = "KMGTP".index(unit) + 1
    assert memory_bytes(f"{number}{unit}B") == number * 1000**power
    assert memory_bytes(f"{number}{unit}iB") == number * 1024**power
