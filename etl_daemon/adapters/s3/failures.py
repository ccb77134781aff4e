"""What an error of the object store means for us: one table for both clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from obstore.exceptions import BaseError

from etl_daemon.adapters.aws import NO_ANSWER
from etl_daemon.config import shown
from etl_daemon.errors import ConfigError, DataError, EtlError, ObjectChangedError, SetupError, TransientError

_GRANT = "Grant s3:ListBucket on the bucket and s3:GetObject on its objects to this identity."
NO_CREDENTIALS_HINT = (
    "Check the access key and its secret: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile or role."
)
_TRUST = "Trust its certificate authority: AWS_CA_BUNDLE and SSL_CERT_FILE both name the file of certificates."
_NETWORK = "Check the network and AWS_ENDPOINT_URL; SSL_CERT_FILE names the certificate authority, if it has its own."
_LOGIN = "Renew the credentials, then try again."
_REGION = "Set S3_REGION to the bucket's region."

_SETUP_HINTS = {
    "NoSuchBucket": "Create the bucket, or correct S3_BUCKET.",
    "InvalidBucketName": "Correct S3_BUCKET.",
    "AccessDenied": _GRANT,
    "AllAccessDisabled": _GRANT,
    "InvalidAccessKeyId": NO_CREDENTIALS_HINT,
    "SignatureDoesNotMatch": NO_CREDENTIALS_HINT,
    "InvalidToken": _LOGIN,
    "ExpiredToken": _LOGIN,
    "TokenRefreshRequired": _LOGIN,
    "RequestTimeTooSkewed": "Set this machine's clock right.",
    "NotImplemented": "Use a store that can do this.",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
}
_CONFIG_HINTS: dict[type[Exception], str] = {
    ParamValidationError: "Correct S3_BUCKET.",  # the keys are the store's own
    InvalidRegionError: _REGION,
}
_CHANGED = {"NoSuchKey", "NoSuchVersion", "PreconditionFailed", "InvalidRange"}
_PASSING = {"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted"}
_ARCHIVED = "InvalidObjectState"

_STATUS = re.compile(r"status code: (\d{3})")
_REDIRECT = "redirect without LOCATION"
_CODE = re.compile(r"<Code>(\w+)</Code>")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the clients' errors into ours; ``what`` names the call. They quote URLs, passwords and all."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        raise _meaning(what, code, status) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise SetupError(f"{what}: {shown('', error)}.", hint=NO_CREDENTIALS_HINT) from error
    except tuple(_CONFIG_HINTS) as error:
        raise ConfigError(f"{what}: {shown('', error)}.", hint=_CONFIG_HINTS[type(error)]) from error
    except NO_ANSWER as error:
        hint = _TRUST if isinstance(error, SSLError) else ""
        raise TransientError(f"{what}: {shown('', error)}.", hint=hint) from error
    except FileNotFoundError as error:  # obstore's 404, a missing bucket included
        raise _meaning(what, _found(_CODE, error), 404) from error
    except OSError as error:
        raise TransientError(f"{what}: {shown('', error)}.") from error
    except BaseError as error:
        digits = _found(_STATUS, error)
        code = "PermanentRedirect" if _REDIRECT in str(error) else _found(_CODE, error)
        raise _meaning(what, code, int(digits) if digits else None, shown("", error)) from error


def _meaning(what: str, code: str, status: int | None, detail: str = "") -> EtlError:
    said = f"{what}: {' '.join(str(part) for part in (status, code) if part) or detail.splitlines()[0]}."
    if code == _ARCHIVED:
        hint = "restore the object from its archive, then: etl-daemon once --hours-back HOURS"
        return DataError("archived", f"{said} The object lies in an archive storage class.", hint=hint)
    if code in _SETUP_HINTS:
        return SetupError(said, hint=_SETUP_HINTS[code])
    if code in _CHANGED or status in {412, 416} or (status == 404 and not code):
        return ObjectChangedError(f"{said} The object is gone or another version by now.")
    if code in _PASSING or status is None or status in {408, 409, 425, 429} or status >= 500:
        return TransientError(said, hint="" if status else _NETWORK)
    return SetupError(said, hint=NO_CREDENTIALS_HINT if status in {401, 403} else _REGION)


def _found(pattern: re.Pattern[str], error: Exception) -> str:
    match = pattern.search(str(error))
    return match[1] if match else ""
