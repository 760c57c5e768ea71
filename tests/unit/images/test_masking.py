from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.images.masking import (
    ENVIRONMENT_ARGUMENT,
    Mask,
    build_arguments,
    certificates,
    index_settings,
)


def test_only_what_finds_packages_is_taken_from_the_environment() -> None:
    environment = {
        "PIP_INDEX_URL": "http://a",
        "UV_DEFAULT_INDEX": "http://b",
        "UV_INDEX_TEAM_PASSWORD": "c",
        "https_proxy": "http://d",
        "PIP_TARGET": "/here",
        "AWS_SECRET_ACCESS_KEY": "e",
        "UV_INDEX": "",
    }
    assert set(index_settings(environment)) == {
        "PIP_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_TEAM_PASSWORD",
        "https_proxy",
    }


def test_all_settings_travel_in_one_argument_and_proxies_as_the_engine_knows_them() -> None:
    options = {"buildargs": {"PIP_INDEX_URL": "http://own", "CUDA": 12}}
    found = build_arguments(options, {"PIP_INDEX_URL": "http://a", "HTTPS_PROXY": "http://p"})
    assert json.loads(found.pop(ENVIRONMENT_ARGUMENT)) == {
        "PIP_INDEX_URL": "http://own",
        "HTTPS_PROXY": "http://p",
    }
    assert found == {"PIP_INDEX_URL": "http://own", "CUDA": "12", "HTTPS_PROXY": "http://p"}


@given(st.from_regex(r"\A[A-Za-z0-9!.+-]{3,20}\Z"), st.text(), st.text())
def test_no_login_stays_in_a_line(password: str, before: str, after: str) -> None:
    url = f"https://joe:{password}@host/simple"
    mask = Mask(build_arguments({}, {"PIP_INDEX_URL": url, "UV_INDEX_A_PASSWORD": "other-" + password}))
    assert f"joe:{password}" not in mask(f"{before}{url}{after}")
    assert mask(f"Looking in {url}") == "Looking in https://***@host/simple"
    assert mask(f"password other-{password}.") == "password ***."


def test_a_quoted_password_is_hidden_in_both_its_forms() -> None:
    mask = Mask(build_arguments({}, {"PIP_INDEX_URL": "https://joe:p%40ss@host"}))
    assert mask("p%40ss and p@ss, {}") == "*** and ***, {}"


def test_a_login_that_was_not_known_is_hidden_as_well() -> None:
    assert Mask({})("from git+https://token@host/a b@c") == "from git+https://***@host/a b@c"


def test_certificates_are_read_from_where_the_environment_says(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_bytes(b"own")
    assert certificates({"SSL_CERT_FILE": str(tmp_path / "own.pem"), "PIP_CERT": "/nowhere"}) == b"own"
    assert certificates({}) == b""
