"""A pipeline that the tests of the kit run on Airflow."""

from __future__ import annotations

SUMS = """
    from airflow_provider_pipes import pipeline, step

    @step
    def load() -> list[int]:
        return [1, 2, 3]

    @step
    def total(numbers: list[int], extra: int) -> int:
        if extra < 0:
            raise ValueError(f"negative: {extra}")
        return sum(numbers) + extra

    @pipeline
    def sums(extra: int = 0):
        total(load(), extra)
"""
