"""Private keys as users have them, and what is said of what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from etl_daemon.adapters.snowflake.keys import read_key
from etl_daemon.errors import ConfigError

KEY = rsa.generate_private_key(65537, 2048)
LOCK = BestAvailableEncryption(b"open sesame")
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def pem(key=KEY, form=PrivateFormat.PKCS8, lock=None) -> bytes:
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption())


def same(der: bytes) -> bool:
    return load_der_private_key(der, None).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_without_passphrase(tmp_path: Path, form: PrivateFormat) -> None:
    file = tmp_path / "rsa_key.p8"
    file.write_bytes(pem(form=form))
    assert same(read_key(file, None, None))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_passphrase(form: PrivateFormat) -> None:
    assert same(read_key(None, pem(form=form, lock=LOCK).decode(), "open sesame"))


def test_text_may_have_its_lines_in_one() -> None:
    assert same(read_key(None, pem().decode().replace("\n", "\\n"), None))


def test_a_passphrase_that_nothing_asks_for_does_no_harm() -> None:
    assert same(read_key(None, pem().decode(), "left over"))


@pytest.mark.parametrize(
    ("text", "passphrase", "said"),
    [
        (pem(lock=LOCK), None, "SNOWFLAKE_PRIVATE_KEY is encrypted. Hint: set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        (
            pem(lock=LOCK),
            "wrong",
            "does not open SNOWFLAKE_PRIVATE_KEY. Hint: correct SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
        ),
        (PUBLIC, None, "SNOWFLAKE_PRIVATE_KEY is the public key. Hint: set SNOWFLAKE_PRIVATE_KEY to the private key"),
        (b"ssh-rsa AAAA me@here", None, "is the public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", None, "is a certificate"),
        (b"nonsense", None, "is no private key in PEM form. Hint: make a key with: openssl"),
        (pem()[:400], None, "is no private key in PEM form"),
        (KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())[:30].hex().encode(), None, "in PEM form"),
        (pem(rsa.generate_private_key(65537, 1024)), None, "is no RSA key of 2048 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), None, "is no RSA key"),
    ],
    # the keys differ from run to run, so they name no test
    ids=["locked", "wrong", "public", "ssh", "certificate", "nonsense", "cut", "der", "short", "curve"],
)
def test_what_is_no_key_is_named_with_what_to_type(text: bytes, passphrase: str | None, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_key(None, text.decode(), passphrase)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*SNOWFLAKE_PRIVATE_KEY_PATH"):
        read_key(tmp_path, None, None)
