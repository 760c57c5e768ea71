from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.connections import ConnectionFields, EnvironmentConnections


def resolve(text: str) -> ConnectionFields:
    return EnvironmentConnections({"AIRFLOW_CONN_STORE": text}).resolve("store")


def test_a_connection_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "aws://key:se%2Fcret@/?region_name=eu-west-1")
    found = EnvironmentConnections().resolve("store")
    assert (found.conn_type, found.login, found.password) == ("aws", "key", "se/cret")
    assert found.extra == {"region_name": "eu-west-1"}


def test_an_unknown_connection_is_told_with_how_to_define_it() -> None:
    with pytest.raises(ConfigurationError, match=r"no connection 'team_s3' here.*AIRFLOW_CONN_TEAM_S3"):
        EnvironmentConnections({}).resolve("team_s3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "invalid JSON"),
        ('{"pasword": "hush-hush"}', "unknown fields pasword; known: conn_type"),
        ('{"port": "hush-hush"}', "its port is no number"),
        ('{"extra": "hush-hush"}', "its extra is no JSON"),
        ('{"extra": ["hush-hush"]}', "its extra must be a JSON object, got list"),
        ("hush-hush", "expected '<type>://"),
        ("a://b://c://hush-hush", "expected '<type>://"),
        (
            "aws://key:hush-hush/1@host/",
            r"its port is no number; are '/', ':' and '@' in login and password quoted",
        ),
    ],
)
def test_a_connection_that_can_not_be_read_is_told_without_its_secrets(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        resolve(text)
    assert "AIRFLOW_CONN_STORE" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_text_form_of_a_connection_shows_no_secret() -> None:
    found = resolve('{"login": "hush1", "password": "hush2", "extra": {"token": "hush3"}, "host": "h"}')
    assert "hush" not in repr(found)
    assert "host='h'" in repr(found)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = st.text(st.sampled_from("ab/:@?#%&=+ é{}\"'"), min_size=1, max_size=12)


@given(login=words, password=words, schema=words, extra=st.dictionaries(words, words, max_size=3))
def test_whatever_is_quoted_in_a_uri_arrives_exactly(
    login: str, password: str, schema: str, extra: dict[str, str]
) -> None:
    uri = (
        f"my-type://{quote(login, safe='')}:{quote(password, safe='')}@host:81/{quote(schema, safe='')}"
        f"?__extra__={quote(json.dumps(extra), safe='')}"
    )
    found = resolve(uri)
    assert (found.login, found.password, found.schema) == (login, password, schema)
    assert (found.conn_type, found.host, found.port) == ("my_type", "host", 81)
    assert found.extra == extra


@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "login": text,
            "password": text,
            "host": text,
            "schema": text,
            "port": st.integers(1, 65535),
        },
    ),
    extra=st.dictionaries(text, st.none() | st.booleans() | text | st.lists(st.integers()), max_size=3),
    nested=st.booleans(),
)
def test_whatever_is_in_json_arrives_exactly(
    values: dict[str, Any], extra: dict[str, Any], nested: bool
) -> None:
    found = resolve(json.dumps({**values, "conn_type": "x", "extra": extra if nested else json.dumps(extra)}))
    assert {name: getattr(found, name) for name in values} == values
    assert found.extra == extra


SPECIMENS = [
    "aws://key:se%2Fcret@/?region_name=eu-west-1&endpoint_url=http%3A%2F%2Flocalhost%3A9000",
    "google-cloud-platform://?keyfile_dict=%7B%22a%22%3A+1%7D&project=p",
    "postgresql://u:p%40w@h.example.com:5432/db?__extra__=%7B%22sslmode%22%3A+%22require%22%7D",
    "http://https://login@example.com:8080/path%2Fto?x=1",
    "wasb://account@?sas_token=%3Fsv%3D1",
    "mysql://%2FVar%2Frun%2Fx.sock/db",
    "x://",
    "x://:pw@",
    '{"conn_type": "google-cloud-platform", "extra": {"keyfile_dict": {"a": 1}}}',
    '{"conn_type": "aws", "login": "k", "password": "s", "extra": "{\\"a\\": \\"r\\"}", "port": "80"}',
    '{"host": "h"}',
]

ORACLE = """
import json, sys, warnings
warnings.simplefilter("ignore")
from airflow.sdk import Connection
found = []
for text in json.load(sys.stdin):
    read = (Connection.from_json if text.startswith("{") else Connection.from_uri)(text, conn_id="x")
    names = ("conn_type", "host", "login", "password", "port", "schema")
    found.append({name: getattr(read, name) for name in names} | {"extra": json.loads(read.extra or "{}")})
print("\\n" + json.dumps(found))
"""


@pytest.mark.airflow
def test_connections_are_read_as_airflow_reads_them() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input=json.dumps(SPECIMENS),
        capture_output=True,
        text=True,
        check=True,
    )
    for specimen, expected in zip(SPECIMENS, json.loads(answer.stdout.splitlines()[-1]), strict=True):
        found = resolve(specimen)
        assert {name: getattr(found, name) for name in expected} == expected, specimen
