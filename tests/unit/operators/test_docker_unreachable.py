"""An engine that does not answer, over TCP and TLS: the task says why, where, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from airflow_provider_pipes.errors import ContainerError
from airflow_provider_pipes.operators.docker_run import DockerRun
from tests.unit.operators.test_docker import job, operator

pytestmark = pytest.mark.airflow


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def web_server() -> Iterator[int]:
    """The port of a server that is no engine."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """Arguments for an engine with TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    files = {each: tmp_path / f"{each}.pem" for each in ("certificate", "key")}
    files["certificate"].write_bytes(certificate.public_bytes(Encoding.PEM))
    files["key"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    of_both = str(files["certificate"])
    return {"tls_ca_cert": of_both, "tls_client_cert": of_both, "tls_client_key": str(files["key"])}


def told(**arguments: Any) -> str:
    with pytest.raises(ContainerError) as raised:
        DockerRun.of(operator(**arguments), job())
    return str(raised.value)


def test_a_refused_connection_says_so(closed_port: int) -> None:
    url = f"tcp://127.0.0.1:{closed_port}"
    assert told(docker_url=url) == (
        f"step 'train': no Docker engine answers at {url} (Connection refused); is it running, does it "
        "listen at this address, and is docker_url right?"
    )


def test_a_host_that_nobody_knows_is_told() -> None:
    said = told(docker_url="tcp://engine.invalid:2375")
    assert "no Docker engine answers at tcp://engine.invalid:2375 (" in said
    assert "name" in said.lower()
    assert said.endswith("; correct the host in docker_url")


def test_an_engine_that_is_silent_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        said = told(docker_url=url, timeout=1)
    assert said.startswith(
        f"step 'train': no Docker engine answers at {url} (no answer in time); is its host up"
    )


def test_a_server_without_tls_is_told(web_server: int, certificates: dict[str, str]) -> None:
    said = told(docker_url=f"tcp://127.0.0.1:{web_server}", **certificates)
    assert f"at tcp://127.0.0.1:{web_server} (TLS: wrong version number); does it speak TLS" in said


def test_each_of_several_engines_is_told_with_its_own_reason(closed_port: int, web_server: int) -> None:
    said = told(docker_url=[f"tcp://127.0.0.1:{closed_port}", f"tcp://127.0.0.1:{web_server}"])
    assert (
        f"at tcp://127.0.0.1:{closed_port} (Connection refused), nor at tcp://127.0.0.1:{web_server} "
        "(what answers there is no Docker engine); "
    ) in said
    assert said.count("is it running") == 1
