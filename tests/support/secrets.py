"""A secret of its own in every setting that can hold one, and a look for them in whatever came out.

Settings are found by what they are called and by what they take, so a new one is covered as it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import ValidationError

from etl_daemon.config import Settings, shown

TAKES_A_URL = re.compile(r"URL|WEBHOOK|ENDPOINT|DSN")
PASSPHRASE = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"
OF_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
AWS_ENDPOINT = "AWS_ENDPOINT_URL_S3"
SCHEMES = {"ALERT_URLS": "json"}
"""Where a URL is not of the web's own kind."""


def secret(name: str) -> str:
    """What is planted for the setting: letters that URLs and base64 write in another way among them."""
    return f"Plant+{name.lower()}!%23=9f3"


def bearing() -> tuple[str, ...]:
    """The settings that can hold a secret: all of their value, or a part of a URL."""
    names = [name.upper() for name in Settings.model_fields]
    return tuple(name for name in names if _whole(name) or (TAKES_A_URL.search(name) and _takes(name, _url(name, 9))))


def key_pem() -> str:
    """A private key under the passphrase that is planted."""
    key = rsa.generate_private_key(65537, 2048)
    lock = BestAvailableEncryption(secret(PASSPHRASE).encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


@dataclass(frozen=True)
class Planted:
    """Settings (of the environment) with secrets in them; ``texts`` are the secrets by setting."""

    values: Mapping[str, str]
    texts: Mapping[str, tuple[str, ...]]

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """Those settings."""
        return {name: self.values[name] for name in names}

    def leaked(self, text: str) -> dict[str, str]:
        """Where a secret stands in the text, by setting: what is around it."""
        found = {}
        for name, secrets in self.texts.items():
            for form in {form for each in secrets for form in forms(each)}:
                at = text.find(form)
                if at >= 0:
                    found[name] = text[max(0, at - 200) : at + len(form) + 50]
        return found


def forms(text: str) -> set[str]:
    """The text as it is, as URLs write it, and as base64 writes it wherever in its input it stands."""
    inside = set()
    for before in range(3):
        encoded = base64.b64encode(b"?" * before + text.encode()).decode()
        whole = encoded[4 if before else 0 : -4]
        inside |= {whole, whole.replace("+", "-").replace("/", "_")}
    return {text, quote(text, safe=""), quote(text), quote(quote(text, safe="")), *inside}


def plant(folder: Path, port: int) -> Planted:
    """A secret in each; files go to the folder, URLs lead to the port of this machine."""
    values = {name: _value(name, folder, port) for name in bearing()}
    values |= {name: secret(name) for name in OF_AWS} | {AWS_ENDPOINT: _url(AWS_ENDPOINT, port)}
    pem, file = key_pem(), folder / "key.p8"
    file.write_text(pem)
    texts = {name: (secret(name),) for name in values}
    texts |= {"SNOWFLAKE_PRIVATE_KEY": tuple(line for line in pem.splitlines() if not line.startswith("-"))}
    values |= {"SNOWFLAKE_PRIVATE_KEY": pem.replace("\n", r"\n"), "SNOWFLAKE_PRIVATE_KEY_PATH": str(file)}
    return Planted(values, texts)


def _value(name: str, folder: Path, port: int) -> str:
    """The first that the setting takes: the secret itself, a URL with it, a file with it."""
    file = folder / f"{name.lower()}.txt"
    file.write_text(secret(name))
    plain = [secret(name)] if _whole(name) and not TAKES_A_URL.search(name) else []
    found = [value for value in (*plain, _url(name, port), str(file)) if _takes(name, value)]
    assert found, f"what does {name} take? Say so in {__file__}"
    return found[0]


def _url(name: str, port: int) -> str:
    """A URL with the secret wherever there can be one: in the path too, where the setting as a whole is secret."""
    own = quote(secret(name), safe="")
    host = f"{SCHEMES.get(name, 'http')}://loader:{own}@127.0.0.1:{port}"
    if name == AWS_ENDPOINT:
        return host
    return f"{host}/services/{own}?token={own}" if _whole(name) else f"{host}/v1?token={own}"


def _whole(name: str) -> bool:
    return shown(name, "x") != "x"


def _takes(name: str, value: str) -> bool:
    try:
        Settings.model_validate({name.lower(): value})
    except ValidationError:
        return False
    return True
