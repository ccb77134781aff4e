"""A store whose certificate is of an authority of its own: two libraries have to be told, and hints say so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import trustme
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.support.command import Shell

PRICES = b"symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,11,9,10.5,100\n"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Commands over a bucket behind TLS; the authority is in ``ca.pem``."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    files = (str(tmp_path / "server.pem"), str(tmp_path / "server.pem"))
    backend = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, backend, threaded=True, ssl_context=files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"https://localhost:{server.port}"
    client = boto3.client("s3", endpoint_url=url, verify=str(tmp_path / "ca.pem"))
    client.create_bucket(Bucket="market")
    client.put_object(Bucket="market", Key="processed/price_data/a.csv", Body=PRICES)
    yield Shell(
        tmp_path, {"S3_BUCKET": "market", "AWS_ENDPOINT_URL": url, "ETL_MAX_RETRIES": 0, "ETL_LEASE_URL": "none"}
    )
    server.shutdown()
    thread.join()


def test_both_names_of_the_authority_are_needed(shell: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "ca.pem")
    stranger = shell.run("once")
    assert stranger.code == 1
    assert "AWS_CA_BUNDLE and SSL_CERT_FILE" in stranger.out
    checked = shell.run("check", "--json", AWS_CA_BUNDLE=file)
    states = {each["name"]: each["state"] for each in checked.document["checks"]}
    assert (states["source price_data"], states["source read"]) == ("ok", "fail")
    half = shell.run("once", AWS_CA_BUNDLE=file)
    assert "SSL_CERT_FILE" in half.out, "listed, and not read"
    assert shell.run("status", "--json").document["datasets"]["price_data"]["rows"] == 0
    whole = shell.run("once", AWS_CA_BUNDLE=file, SSL_CERT_FILE=file)
    assert whole.code == 0, whole.err
    assert shell.run("status", "--json").document["datasets"]["price_data"]["rows"] == 1
