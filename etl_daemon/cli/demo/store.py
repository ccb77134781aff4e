"""An S3 in this process, with credentials that are good for nothing else."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from etl_daemon.errors import SetupError

REGION = "us-east-1"
BUCKET = "demo-market-data"


@contextmanager
def store() -> Iterator[str]:
    """The store's address; the AWS settings of this process lead to it until the end.

    Raises:
        SetupError: the stand-in is not installed.
    """
    try:
        server_module = import_module("moto.server")  # an optional package of the demo alone
    except ImportError as error:
        raise SetupError(
            "The demo's stand-in for S3 is not installed.", hint="pip install 'etl_daemon[demo]'"
        ) from error
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line per request
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        with _aws_settings(address):
            yield address
    finally:
        server.stop()


@contextmanager
def _aws_settings(address: str) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
