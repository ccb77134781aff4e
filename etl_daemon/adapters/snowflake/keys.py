"""The private key of a key pair: read, decrypted, and turned into what the connector signs with."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from etl_daemon.errors import ConfigError

MAKE_HINT = (
    "make a key with: openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -nocrypt -out rsa_key.p8; "
    "give its public half to the user: docs/snowflake.md"
)
LEAST_BITS = 2048


def read_key(path: Path | None, text: str | None, passphrase: str | None) -> bytes:
    r"""The key as unencrypted PKCS #8, DER. File and ``text`` are PEM; in ``text``, ``\n`` may stand for a new line.

    Raises:
        ConfigError: the file cannot be read, the passphrase is wrong, or it is no private RSA key.
    """
    name = "SNOWFLAKE_PRIVATE_KEY" if text else "SNOWFLAKE_PRIVATE_KEY_PATH"
    data = text.replace("\\n", "\n").encode() if text else _content(path or Path())
    encrypted = b"ENCRYPTED" in data
    _refuse_other_things(data, name)
    if encrypted and not passphrase:
        raise ConfigError(f"{name} is encrypted.", hint="set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")
    try:
        # One that is not encrypted must not get a passphrase.
        key = load_pem_private_key(data, passphrase.encode() if passphrase and encrypted else None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable(name, encrypted=encrypted) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise ConfigError(f"{name} is no RSA key of {LEAST_BITS} bits or more.", hint=MAKE_HINT)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = f"let the user of this process read {path}, or correct SNOWFLAKE_PRIVATE_KEY_PATH"
        raise ConfigError(f"The private key cannot be read: {error}.", hint=hint) from error


def _refuse_other_things(data: bytes, name: str) -> None:
    if b"PUBLIC KEY-----" in data or data.startswith(b"ssh-"):
        hint = f"set {name} to the private key; the public one goes to: ALTER USER ... SET RSA_PUBLIC_KEY"
        raise ConfigError(f"{name} is the public key.", hint=hint)
    if b"CERTIFICATE-----" in data:
        raise ConfigError(f"{name} is a certificate, not a private key.", hint=MAKE_HINT)


def _unreadable(name: str, *, encrypted: bool) -> ConfigError:
    if encrypted:
        hint = "correct SNOWFLAKE_PRIVATE_KEY_PASSPHRASE; to try it: openssl pkey -in rsa_key.p8 -noout"
        return ConfigError(f"The passphrase does not open {name}.", hint=hint)
    return ConfigError(f"{name} is no private key in PEM form.", hint=MAKE_HINT)
