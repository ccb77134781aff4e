"""What every store of secrets must do; those of AWS against moto's server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.adapters.local.environment import EnvironmentSecretStore
from etl_daemon.adapters.memory.secrets import MemorySecretStore
from etl_daemon.adapters.secretsmanager.store import SecretsManagerStore
from etl_daemon.adapters.ssm.store import SsmSecretStore
from etl_daemon.adapters.systemd.credentials import CredentialStore
from etl_daemon.core.secret import revealed
from etl_daemon.errors import ConfigError, SecretMissingError, SetupError, TransientError
from etl_daemon.ports import SecretStore
from tests.support.aws import answering, aws, put_parameters, put_secret

VALUES = {"username": "loader", "password": 'p4ss+/="\n ü', "port": "5432"}
AWS_STORES: list[type[SsmSecretStore | SecretsManagerStore]] = [SsmSecretStore, SecretsManagerStore]


@dataclass(frozen=True)
class Desk:
    """A store, a name in it, and how values are put there."""

    store: SecretStore
    name: str
    put: Callable[[dict[str, str]], object]


@pytest.fixture(params=["memory", "environment", "systemd", "ssm", "ssm-json", "secretsmanager"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = _desk(request, tmp_path, monkeypatch)
    yield made
    made.store.close()


def _desk(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    if request.param == "memory":
        memory = MemorySecretStore()
        return Desk(memory, "affiliate", lambda texts: memory.put("affiliate", texts))
    if request.param == "environment":
        environ: dict[str, str] = {"PATH": "/bin", "AFFILIATE_EMPTY": ""}
        put = lambda texts: environ.update({f"AFFILIATE_{n.upper()}": text for n, text in texts.items()})  # noqa: E731
        return Desk(EnvironmentSecretStore(environ), "affiliate", put)
    if request.param == "systemd":
        return Desk(
            CredentialStore(folder), "affiliate", lambda texts: (folder / "affiliate").write_text(json.dumps(texts))
        )
    url = request.getfixturevalue("moto_url")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    name = f"/prod/{uuid4().hex}"
    if request.param == "ssm":
        return Desk(SsmSecretStore(), name, lambda texts: put_parameters(url, name, texts))
    if request.param == "ssm-json":
        put = lambda texts: put_parameters(url, "/prod", {name.removeprefix("/prod/"): json.dumps(texts)})  # noqa: E731
        return Desk(SsmSecretStore(), name, put)
    name = name.removeprefix("/")
    return Desk(SecretsManagerStore(), name, lambda texts: put_secret(url, name, json.dumps(texts)))


def test_values_come_as_they_were_put(desk: Desk) -> None:
    desk.put(VALUES)
    assert revealed(desk.store.get(desk.name)) == VALUES


def test_what_is_not_there_is_told_with_what_to_add(desk: Desk) -> None:
    with pytest.raises(SecretMissingError) as caught:
        desk.store.get(desk.name)
    assert desk.name.lower() in caught.value.detail.lower()
    assert caught.value.hint


def test_new_values_count_at_the_next_read(desk: Desk) -> None:
    desk.put(VALUES)
    desk.store.get(desk.name)
    desk.put({**VALUES, "password": "rotated"})
    assert desk.store.get(desk.name)["password"].reveal() == "rotated"


def test_no_value_shows(desk: Desk) -> None:
    desk.put({"password": "s3cr3t-planted"})
    found = desk.store.get(desk.name)
    assert "s3cr3t" not in f"{found!r} {found} {desk.store!r} {list(found.values())} {dict(found)}"


@pytest.fixture
def moto(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return moto_url


def test_more_parameters_than_a_page_holds_and_deeper_ones_come_all(moto: str) -> None:
    path = f"/many/{uuid4().hex}"
    texts = {f"p{number}": str(number) for number in range(23)}
    put_parameters(moto, path, {**texts, "oauth/client-id": "deep"})
    put_parameters(moto, f"{path}-other", {"p0": "another path"})
    assert revealed(SsmSecretStore().get(f"{path}/")) == {**texts, "oauth_client_id": "deep"}


def test_a_single_text_is_called_value(moto: str) -> None:
    name = uuid4().hex
    put_parameters(moto, "/one", {name: "just text"})
    put_secret(moto, name, "just text")
    assert revealed(SsmSecretStore().get(f"/one/{name}")) == {"value": "just text"}
    assert revealed(SecretsManagerStore().get(name)) == {"value": "just text"}


def test_a_secret_is_found_by_its_arn_in_its_own_region(moto: str) -> None:
    client = aws("secretsmanager", moto)
    made = client.create_secret(Name=uuid4().hex, SecretString='{"a": "1"}')["ARN"]
    elsewhere = made.replace("us-east-1", "eu-west-1")
    assert revealed(SecretsManagerStore("eu-west-1").get(made)) == {"a": "1"}
    with pytest.raises(SecretMissingError):
        SecretsManagerStore().get(elsewhere)


def test_only_the_current_version_counts(moto: str) -> None:
    name = uuid4().hex
    put_secret(moto, name, '{"a": "old"}')
    client = aws("secretsmanager", moto)
    client.put_secret_value(SecretId=name, SecretString='{"a": "pending"}', VersionStages=["AWSPENDING"])
    assert revealed(SecretsManagerStore().get(name)) == {"a": "old"}


def test_fields_of_json_become_texts_and_nulls_are_none(moto: str) -> None:
    name = uuid4().hex
    put_secret(moto, name, '{"Port": 5432, "tls": true, "empty": null, "more": {"a": [1]}}')
    assert revealed(SecretsManagerStore().get(name)) == {"port": "5432", "tls": "true", "more": '{"a": [1]}'}


def test_binary_secrets_are_text_or_refused(moto: str) -> None:
    client, name, other = aws("secretsmanager", moto), uuid4().hex, uuid4().hex
    client.create_secret(Name=name, SecretBinary=b'{"a": "1"}')
    client.create_secret(Name=other, SecretBinary=b"\xff\xfeplanted")
    assert revealed(SecretsManagerStore().get(name)) == {"a": "1"}
    with pytest.raises(SetupError, match="no text") as caught:
        SecretsManagerStore().get(other)
    assert "planted" not in repr(caught.value.__context__)


@pytest.mark.parametrize("kind", AWS_STORES)
def test_denied_access_says_which_grant_is_missing(
    kind: type[SsmSecretStore | SecretsManagerStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(400, "AccessDeniedException", "User is not authorized.") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(SetupError, match="not authorized") as caught:
            kind().get("/prod/snowflake")
    assert "/prod/snowflake" in caught.value.hint
    assert {"ssm:GetParametersByPath", "secretsmanager:GetSecretValue"} & set(caught.value.hint.split())
    assert "kms:Decrypt" in caught.value.hint


@pytest.mark.parametrize("kind", AWS_STORES)
@pytest.mark.parametrize(("status", "code"), [(400, "ThrottlingException"), (500, "InternalServerError"), (503, "")])
def test_what_may_pass_is_transient(
    kind: type[SsmSecretStore | SecretsManagerStore], status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(TransientError):
            kind().get("/prod/snowflake")


@pytest.mark.parametrize("kind", AWS_STORES)
def test_nobody_answers(kind: type[SsmSecretStore | SecretsManagerStore], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(TransientError) as caught:
        kind(timeout_seconds=1).get("/prod/snowflake")
    assert "VPC endpoint" in caught.value.hint


@pytest.mark.parametrize("kind", AWS_STORES)
def test_settings_of_aws_that_are_wrong_are_said(
    kind: type[SsmSecretStore | SecretsManagerStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError) as caught:
        kind().get("/prod/snowflake")
    assert "AWS_DEFAULT_REGION" in caught.value.hint
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SetupError) as caught_too:
        kind("eu-west-1").get("/prod/snowflake")
    assert "AWS_PROFILE" in caught_too.value.hint


def test_credentials_of_systemd_may_be_a_folder_or_one_text(tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("token\n")
    (tmp_path / "affiliate_username").write_text("loader")
    (tmp_path / "affiliate_password").write_text("two\nlines\n\n")
    store = CredentialStore(tmp_path)
    assert revealed(store.get("ops")) == {"value": "token"}
    assert revealed(store.get("affiliate")) == {"username": "loader", "password": "two\nlines\n"}
    assert revealed(store.texts(["ops", "nothing"])) == {"ops": "token"}
    (tmp_path / "binary").write_bytes(b"\xffplanted")
    with pytest.raises(SetupError, match="binary is no text") as caught:
        store.get("binary")
    assert "planted" not in repr(caught.value.__context__)
    with pytest.raises(SecretMissingError, match="gave this process no credential"):
        CredentialStore(None).get("ops")
