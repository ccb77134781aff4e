"""The private key of a key pair: read, decrypted, and turned into what the connector signs with."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from etl_daemon.errors import ConfigError

MAKE_HINT = (
    "make a key with: openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -nocrypt -out rsa_key.p8; "
    "give its public half to the user: docs/snowflake.md"
)
LEAST_BITS = 2048
_PEM = b"-----BEGIN "


def read_key(path: Path | None, text: str | None, passphrase: str | None) -> bytes:
    r"""The key as unencrypted PKCS #8, DER. ``text`` is PEM, in which ``\n`` may stand for a new line.

    Raises:
        ConfigError: the file cannot be read, the passphrase is wrong, or it is no private RSA key.
    """
    name = "SNOWFLAKE_PRIVATE_KEY" if text else "SNOWFLAKE_PRIVATE_KEY_PATH"
    data = text.replace("\\n", "\n").strip().encode() if text else _content(path)
    _refuse_other_things(data, name, passphrase)
    try:
        load = load_pem_private_key if _PEM in data else load_der_private_key
        key = load(data, passphrase.encode() if passphrase and _encrypted(data) else None)
    except TypeError as error:  # encrypted DER, and no passphrase
        raise _needs_passphrase(name) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable(name, data) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise ConfigError(f"{name} is no RSA key of {LEAST_BITS} bits or more.", hint=MAKE_HINT)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _content(path: Path | None) -> bytes:
    try:
        return path.read_bytes().strip() if path and path.suffix != ".der" else path.read_bytes() if path else b""
    except OSError as error:
        hint = f"let the user of this process read {path}, or correct SNOWFLAKE_PRIVATE_KEY_PATH"
        raise ConfigError(f"The private key cannot be read: {error}.", hint=hint) from error


def _refuse_other_things(data: bytes, name: str, passphrase: str | None) -> None:
    if b"PUBLIC KEY-----" in data or data.startswith(b"ssh-"):
        hint = f"set {name} to the private key; the public one goes to: ALTER USER ... SET RSA_PUBLIC_KEY"
        raise ConfigError(f"{name} is the public key.", hint=hint)
    if b"CERTIFICATE-----" in data:
        raise ConfigError(f"{name} is a certificate, not a private key.", hint=MAKE_HINT)
    if _PEM in data and _encrypted(data) and not passphrase:
        raise _needs_passphrase(name)


def _encrypted(data: bytes) -> bool:
    """Whether a passphrase opens it; DER does not tell beforehand, and a PEM that is not encrypted must not get one."""
    return b"ENCRYPTED" in data or _PEM not in data


def _needs_passphrase(name: str) -> ConfigError:
    return ConfigError(f"{name} is encrypted.", hint="set SNOWFLAKE_PRIVATE_KEY_PASSPHRASE")


def _unreadable(name: str, data: bytes) -> ConfigError:
    if _PEM in data and _encrypted(data):
        detail = f"The passphrase does not open {name}."
        return ConfigError(detail, hint="correct SNOWFLAKE_PRIVATE_KEY_PASSPHRASE; to try: openssl pkey -in rsa_key.p8")
    return ConfigError(f"{name} is no private key in PEM form.", hint=MAKE_HINT)
