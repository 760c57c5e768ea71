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
        (127, "its command was not found there"),
        (17, "something in the process ended it, as os._exit does"),
        (255, "something in the process ended it, as os._exit does"),
    ],
)
def test_an_exit_code_is_told_in_words(code: int, meaning: str) -> None:
    assert exit_meaning(code) == meaning


@pytest.mark.parametrize("module", ["airflow_provider_pipes", "airflow_provider_pipes.entrypoints", "fsspec"])
def test_an_image_without_our_package_is_told_what_it_must_have(module: str) -> None:
    said = exit_meaning(1, f"ModuleNotFoundError: No module named '{module}'")
    assert "an image with skip_build=True must have this package, pydantic, cloudpickle" in said
    assert exit_meaning(1, "ModuleNotFoundError: No module named 'fsspecs'") == "the step failed"
