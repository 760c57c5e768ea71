from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_pipes.artifacts.credentials import filesystem_options, open_store
from airflow_provider_pipes.artifacts.local import LocalStorage
from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.stack.connections import ConnectionFields, EnvironmentConnections


@pytest.mark.parametrize(
    ("uri", "connection", "expected"),
    [
        (
            "s3://bucket",
            {
                "login": "k",
                "password": "s",
                "extra": {"region_name": "eu-west-1", "endpoint_url": "http://h", "aws_session_token": "t"},
            },
            {
                "key": "k",
                "secret": "s",
                "token": "t",
                "endpoint_url": "http://h",
                "client_kwargs": {"region_name": "eu-west-1"},
            },
        ),
        (
            "s3a://bucket",
            {
                "extra": {
                    "aws_access_key_id": "k",
                    "aws_secret_access_key": "s",
                    "verify": False,
                    "service_config": {"s3": {"endpoint_url": "http://s3"}},
                }
            },
            {"key": "k", "secret": "s", "endpoint_url": "http://s3", "client_kwargs": {"verify": False}},
        ),
        ("s3://bucket", {"extra": {"profile_name": "team"}}, {"profile": "team"}),
        ("s3://bucket", {}, {}),
        (
            "gs://bucket",
            {"extra": {"keyfile_dict": json.dumps({"type": "service_account"}), "project": "p"}},
            {"token": {"type": "service_account"}, "project": "p"},
        ),
        (
            "gcs://bucket",
            {"extra": {"extra__google_cloud_platform__key_path": "/key.json"}},
            {"token": "/key.json"},
        ),
        (
            "abfs://c",
            {"login": "account", "password": "key"},
            {"account_name": "account", "account_key": "key"},
        ),
        ("az://c", {"login": "a", "extra": {"sas_token": "t"}}, {"account_name": "a", "sas_token": "t"}),
        (
            "abfss://c",
            {
                "login": "id",
                "password": "secret",
                "host": "https://account.blob.core.windows.net",
                "extra": {"tenant_id": "t"},
            },
            {"tenant_id": "t", "client_id": "id", "client_secret": "secret", "account_name": "account"},
        ),
        (
            "sftp://host/x",
            {"login": "me", "password": "pw", "host": "h", "port": 22, "extra": {"timeout": 5}},
            {"host": "h", "port": 22, "username": "me", "password": "pw", "timeout": 5},
        ),
        ("/srv/artifacts", {"login": "me"}, {}),
        ("file:///srv/artifacts", {"login": "me"}, {}),
    ],
)
def test_a_connection_becomes_the_options_of_the_file_system(
    uri: str, connection: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert filesystem_options(uri, ConnectionFields(**connection)) == expected


@pytest.mark.parametrize(
    ("uri", "extra", "message"),
    [
        ("s3://bucket", {"role_arn": "arn"}, r"store s3://bucket: it assumes a role \(role_arn\)"),
        ("gs://bucket", {"keyfile_dict": "hush"}, "store gs://bucket: its keyfile_dict is no JSON"),
    ],
)
def test_what_a_connection_asks_for_in_vain_is_an_error(
    uri: str, extra: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        filesystem_options(uri, ConnectionFields(extra=extra))
    assert "hush" not in str(caught.value)


def test_a_store_opens_without_a_connection(tmp_path: Any) -> None:
    assert isinstance(open_store(str(tmp_path), None), LocalStorage)


def test_a_store_opens_with_the_resolver_that_it_is_given() -> None:
    resolver = EnvironmentConnections({"AIRFLOW_CONN_TEAM": '{"extra": {"some_option": 1}}'})
    storage = open_store("memory://team-store", "team", resolver)
    storage.write("a", b"1")
    assert storage.read("a") == b"1"
