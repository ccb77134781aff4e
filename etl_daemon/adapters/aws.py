"""What the small services of AWS have alike: a client with bounded patience, and what their errors mean for us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from etl_daemon.errors import ConfigError, EtlError, SetupError, TransientError

NO_CREDENTIALS = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
NO_REGION = "set AWS_DEFAULT_REGION, or S3_REGION"
NETWORK = "check the network, the VPC endpoint and AWS_ENDPOINT_URL"
RENEW = "renew the AWS credentials, then try again"

NO_ANSWER = (BotoCoreError, HTTPError, ResponseParserError)
"""What the SDK raises where no answer came, or not the whole of one: the last two for answers that break off."""

_HINTS = {
    "InvalidClientTokenId": NO_CREDENTIALS,
    "UnrecognizedClientException": NO_CREDENTIALS,
    "InvalidSignatureException": NO_CREDENTIALS,
    "SignatureDoesNotMatch": NO_CREDENTIALS,
    "IncompleteSignature": NO_CREDENTIALS,
    "MissingAuthenticationToken": NO_CREDENTIALS,
    "ExpiredToken": RENEW,
    "ExpiredTokenException": RENEW,
    "RequestExpired": "set this machine's clock right",
    "OptInRequired": "switch the service on for the account",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "KMSAccessDenied"}
_PASSING = {
    *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "LimitExceededException"),
    *("InternalServerError", "InternalServiceError", "InternalServiceFault", "InternalFailure", "RequestTimeout"),
    *("ServiceUnavailable", "ServiceUnavailableException", "RequestLimitExceeded"),
}


def client(
    service: str, region: str | None, timeout_seconds: float, *, named_region: str | None = None, attempts: int = 3
) -> Any:
    """A client of the service; nothing is asked of it yet.

    The region is ``named_region``, else the one that the AWS SDK finds, else ``region``. ``timeout_seconds`` bounds
    each of up to ``attempts`` attempts of a call.

    Raises:
        SetupError, ConfigError: the AWS SDK's own settings are wrong.
    """
    patience = Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
    )
    with translated("AWS settings"):
        session: Any = boto3.Session()  # its stubs know no service by a name that is not written here
        return session.client(service, region_name=named_region or session.region_name or region, config=patience)


@contextmanager
def translated(what: str, grant: str = "") -> Iterator[None]:
    """Turn the SDK's errors into ours; ``what`` names the call, ``grant`` is what it takes.

    Raises:
        TransientError: no answer, or none yet.
        SetupError: no credentials, no access, or something that is not there.
        ConfigError: no region, or a name that can be none.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(what, grant, error) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise SetupError(f"{what}: {error}.", hint=NO_CREDENTIALS) from error
    except (NoRegionError, InvalidRegionError) as error:
        raise ConfigError(f"{what}: {error}.", hint=NO_REGION) from error
    except ParamValidationError as error:
        raise ConfigError(f"{what}: {' '.join(str(error).split())}.", hint="correct the name") from error
    except NO_ANSWER as error:
        raise TransientError(f"{what}: {error}.", hint=NETWORK) from error
    except ValueError as error:  # an endpoint that is no URL
        raise ConfigError(f"{what}: {error}.", hint="correct AWS_ENDPOINT_URL") from error


def code(error: ClientError) -> str:
    """What AWS calls the error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _meaning(what: str, grant: str, error: ClientError) -> EtlError:
    name, status = code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = str(error.response.get("Error", {}).get("Message", "")).rstrip(".")
    detail = f"{what}: {' '.join(filter(None, (name, said)))}."
    if name in _HINTS:
        return SetupError(detail, hint=_HINTS[name])
    if name in _DENIED:
        return SetupError(detail, hint=f"grant {grant}")
    if name in _PASSING or status >= 500 or status == 429:
        return TransientError(detail, hint="nothing to do: it is tried again")
    return SetupError(detail, hint=f"correct the name; it takes {grant}")
