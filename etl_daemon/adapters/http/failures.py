"""What answers and missing answers mean for whoever asked."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from etl_daemon.core.web.endpoint import shown_url
from etl_daemon.errors import EtlError, SetupError, TransientError, TryLaterError

PASSING = {408, 425, 429}
NOT_JSON = ("text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/csv", "multipart/", "image/")
"""Types that say for certain that it is no JSON; of others, such as text/plain, the body itself tells."""


class LoginRefusedError(SetupError):
    """Who asks is not known, or may not."""


def check(response: httpx.Response, now: datetime) -> None:
    """Let an answer pass that has what was asked for.

    Raises:
        EtlError: it has not.
    """
    status, where = response.status_code, shown_url(str(response.url))
    if status == httpx.codes.OK:
        return _check_type(response, where)
    said = f"{where} answered {status} {response.reason_phrase}".rstrip()
    if status in PASSING or status >= 500:
        wait = retry_after(response.headers.get("Retry-After", ""), now)
        if wait is not None:
            raise TryLaterError(f"{said}, and asks to wait {wait:g} s.", wait, hint="lower rate_per_second of the api")
        raise TransientError(f"{said}.", hint="lower rate_per_second of the api" if status == 429 else "")
    if status in {401, 403}:
        raise LoginRefusedError(f"{said}.", hint="check auth of the api and its secret, and what it is granted")
    raise SetupError(f"{said}.", hint="correct url, method and params of the api")


def _check_type(response: httpx.Response, where: str) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not kind.endswith("+json") and kind.startswith(NOT_JSON):
        hint = "look at what it answers: curl -i URL; it may want a header: headers = { Accept = ... }"
        raise SetupError(f"{where} answers with {kind[:60]}, not with JSON.", hint=hint)


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds to wait, by a header that gives them or a date; None: it says neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Httpx's errors as ours."""
    where = shown_url(url)
    try:
        yield
    except httpx.TransportError as error:
        raise _meaning(error, where) from error
    except httpx.InvalidURL as error:
        raise SetupError(f"{where} leads to no URL: {error}.", hint="tell the API's owner") from error


def _meaning(error: httpx.TransportError, where: str) -> EtlError:
    said = f"{where} cannot be reached: {type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error.__context__ and error.__context__.__context__, ssl.SSLCertVerificationError):
        return SetupError(f"{said}.", hint="trust its certificate authority: SSL_CERT_FILE names certificates")
    return TransientError(f"{said}.", hint="check url of the api, and the network")
