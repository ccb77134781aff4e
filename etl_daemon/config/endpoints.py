"""Settings of where objects lie, where rows go, and how to log in there; what all settings have alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from etl_daemon.config.authentication import Method, Provider
from etl_daemon.config.aws_names import SecretId, SsmPath
from etl_daemon.config.checks import (
    LOWER,
    UPPER,
    Database,
    DatabaseFile,
    ExistingFile,
    ExistingFolder,
    Schema,
    TableName,
    Whole,
)
from etl_daemon.config.redact import shown
from etl_daemon.config.stored import Stored


class EndpointSettings(BaseSettings):
    """The first part of ``Settings``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False, validate_default=False
    )

    etl_source: Annotated[Literal["s3", "local"], LOWER] = Field("s3", description="Where objects lie: s3 or local.")
    s3_bucket: str | None = Field(None, description="Bucket to read; needed when ETL_SOURCE is s3.")
    s3_region: str | None = Field(None, description="Region of the bucket; empty: what the AWS SDK finds.")
    etl_local_dir: ExistingFolder | None = Field(
        None, description="Folder that stands for the bucket; needed when ETL_SOURCE is local."
    )
    etl_destination: Annotated[Literal["duckdb", "snowflake"], LOWER] = Field(
        "duckdb", description="Where rows go: duckdb or snowflake."
    )
    etl_duckdb_path: DatabaseFile = Field(Path("etl.duckdb"), description="Database file; made when it is not there.")
    snowflake_database: Database = Field(
        "FINANCIAL_DATA", description="Database of the control tables and of tables named without one."
    )
    snowflake_schema: Schema = Field("MARKET_DATA", description="Schema of tables named without one.")
    snowflake_stage: TableName | None = Field(
        None, description="External stage that `check` lists: DATABASE.SCHEMA.STAGE; empty: none."
    )

    snowflake_account: str | None = Field(
        None, description="Account, as ORGANIZATION-ACCOUNT; needed when ETL_DESTINATION is snowflake."
    )
    snowflake_warehouse: str | None = Field(None, description="Warehouse; empty: the default one of the user.")
    snowflake_role: str | None = Field(None, description="Role; empty: the default one of the user.")
    snowflake_authenticator: Annotated[Method | None, LOWER] = Field(
        None, description=f"How to log in: {', '.join(Method)}; empty: as the settings below suggest."
    )
    snowflake_username: str | None = Field(None, description="User to log in as.")
    snowflake_private_key_path: ExistingFile | None = Field(None, description="File with the private key, PEM.")
    snowflake_private_key: str | None = Field(
        None, description="The private key itself, PEM; \\n stands for a new line."
    )
    snowflake_private_key_passphrase: str | None = Field(None, description="Passphrase of an encrypted private key.")
    snowflake_workload_identity_provider: Annotated[Provider | None, UPPER] = Field(
        None, description=f"Whose identity this machine has: {', '.join(Provider)}."
    )
    snowflake_token: str | None = Field(
        None, description="Programmatic access token, or one of OAuth or OIDC as SNOWFLAKE_AUTHENTICATOR says."
    )
    snowflake_token_file_path: ExistingFile | None = Field(
        None, description="File with the token; read again for each connection."
    )
    snowflake_oauth_client_id: str | None = Field(None, description="OAuth client, for oauth_client_credentials.")
    snowflake_oauth_client_secret: str | None = Field(None, description="Secret of the OAuth client.")
    snowflake_oauth_token_request_url: str | None = Field(None, description="Where the OAuth client gets its tokens.")
    snowflake_oauth_scope: str | None = Field(
        None, description="Scope that the OAuth client asks for; empty: session:role:<SNOWFLAKE_ROLE>."
    )
    snowflake_password: str | None = Field(
        None, description="Password; Snowflake blocks logins by password alone: take a key pair."
    )
    snowflake_host: str | None = Field(None, description="Host, for private links; empty: that of the account.")
    snowflake_port: int | None = Field(None, ge=1, le=65_535, description="Port; empty: that of the protocol.")
    snowflake_protocol: Annotated[Literal["https", "http"], LOWER] = Field(
        "https", description="Protocol: https or http."
    )
    snowflake_statement_timeout: Whole = Field(
        3_600, le=604_800, description="How long a statement may run; locks are waited for twice as long (seconds)."
    )

    snowflake_ssm_path: SsmPath | None = Field(
        None, description="SSM path below which the SNOWFLAKE_... settings lie that are not set here; empty: none."
    )
    snowflake_secret_id: SecretId | None = Field(
        None, description="Secret of Secrets Manager, name or ARN, with those that are still not set; empty: none."
    )
    affiliate_ssm_path: SsmPath | None = Field(None, description="SSM path of the connection AFFILIATE.")
    program360_ssm_path: SsmPath | None = Field(None, description="SSM path of the connection PROGRAM360.")
    ops_ssm_path: SsmPath | None = Field(None, description="SSM path of the connection OPS.")

    _stored: tuple[Stored, ...] = PrivateAttr(())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed over: ``load_settings`` reads file and environment, and knows which line set what."""
        return (init_settings,)

    @property
    def stored(self) -> tuple[Stored, ...]:
        """What came from which store of secrets."""
        return self._stored

    def from_stores(self, stored: tuple[Stored, ...]) -> Self:
        """The same settings, with what is known of where they came from."""
        known = self.model_copy()
        known._stored = stored  # noqa: SLF001 - a copy of our own
        return known

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        return [(name, shown(name, value)) for name, value in self]

    def redacted(self) -> dict[str, str]:
        """Every setting by its name, fit for a log."""
        return {name.upper(): shown(name, value) for name, value in self}
