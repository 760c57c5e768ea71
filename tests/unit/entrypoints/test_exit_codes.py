from __future__ import annotations

import pytest

from airflow_provider_pipes.entrypoints.exit_codes import exit_meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1, "the step failed"),
        (2, "the entrypoint did not take its arguments"),
        (75, "the artifact store is unreachable; trying again may help"),
        (98, "the step asked to fail without retry"),
        (99, "the step asked to be skipped"),
        (137, "it was ended by SIGKILL"),
        (143, "it was ended by SIGTERM"),
        (163, "it was ended by signal 35"),
        (17, "it failed"),
        (255, "it failed"),
    ],
)
def test_an_exit_code_is_told_in_words(code: int, meaning: str) -> None:
    assert exit_meaning(code) == meaning
