from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.artifacts.storage import open_storage
from airflow_provider_pipes.runtime.failures import Attempt
from airflow_provider_pipes.runtime.masking import SECRET_VARIABLES, masked

PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n-----END KEY-----\n"
CONNECTION = json.dumps(
    {
        "conn_type": "aws",
        "login": "pipes-user",
        "password": "s3cret-of-it",
        "extra": {"endpoint_url": "http://store:9000", "keyfile_dict": {"private": ["deep-secret"]}},
    }
)


@given(st.text(), st.text(min_size=5), st.text())
def test_no_text_keeps_a_secret_value(before: str, secret: str, after: str) -> None:
    # What is left of both sides may spell it again only with the mask's own characters.
    if not set("***") & set(secret):
        assert secret not in masked(before + secret + after, [secret])


def test_each_line_of_a_secret_is_masked_but_short_ones() -> None:
    assert masked("got MIIEvQIBADANBg of ab", [PEM]) == "got *** of ab"


def test_what_is_secret_in_a_connection_is_masked_and_its_address_is_not() -> None:
    text = "pipes-user at http://store:9000 with s3cret-of-it and deep-secret"
    assert masked(text, [CONNECTION]) == "pipes-user at http://store:9000 with *** and ***"


def test_the_longest_secret_goes_first() -> None:
    assert masked("secret-and-more", ["secret", "secret-and-more"]) == "***"


@pytest.mark.parametrize("value", ["", "1", "true", "{not json", "[]"])
def test_a_short_or_odd_value_spoils_no_text(value: str) -> None:
    assert masked("it is true: 1 = [1]", [value]) == "it is true: 1 = [1]"


def test_a_failure_keeps_no_secret_of_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLES, "TOKEN,MISSING")
    monkeypatch.setenv("TOKEN", "s3cret-of-it")
    attempt = Attempt(open_storage(str(tmp_path)), "runs/a", "step", "token", 1)
    with pytest.raises(ValueError, match="s3cret-of-it"), attempt.failure_kept():
        raise ValueError("refused: s3cret-of-it")
    failure = attempt.last_failure()
    assert failure is not None
    assert failure.message == "refused: ***"
    assert "s3cret-of-it" not in failure.traceback
    assert "ValueError: refused: ***" in failure.traceback
