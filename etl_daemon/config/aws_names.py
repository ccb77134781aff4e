"""What names of AWS must look like; each function returns the name in its normal form or says what is allowed."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

OWN_DIMENSIONS = ("Dataset", "Table")
"""The dimensions that every count has."""

_SECRET = r"[A-Za-z0-9/_+=.@!-]{1,512}"  # noqa: S105  # how names look
_SECRET_ARN = rf"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{{12}}:secret:{_SECRET}"
_DIMENSION = re.compile(r"[!-9;-<>-~][ -<>-~]{0,254}=[ -~]{1,1024}")
"""ASCII, and the name begins with no colon."""


def ssm_path(value: str) -> str:
    """A path of SSM parameters, without the slash at its end."""
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+){1,15}/?", value):
        raise ValueError("must be a path such as /prod/snowflake, of letters, digits, dots, _ and -")
    return value.rstrip("/")


def secret_id(value: str) -> str:
    """The name or the ARN of a secret in Secrets Manager."""
    if not re.fullmatch(rf"{_SECRET}|{_SECRET_ARN}", value):
        raise ValueError("must be the name of a secret or its ARN, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME")
    return value


def metric_namespace(value: str) -> str:
    """A namespace of CloudWatch that is free for everybody."""
    if value.startswith("AWS/") or not re.fullmatch(r"[A-Za-z0-9_./#:-]{1,255}", value):
        raise ValueError("must be up to 255 letters, digits and _ . / # : -, not beginning with AWS/")
    return value


def metric_dimensions(value: str) -> str:
    """``NAME=VALUE`` pairs joined by commas; CloudWatch takes thirty dimensions, two are ours."""
    pairs = [pair.strip() for pair in value.split(",") if pair.strip()]
    if not all(_DIMENSION.fullmatch(pair) for pair in pairs):
        raise ValueError("must be NAME=VALUE pairs joined by commas, in ASCII")
    names = [pair.partition("=")[0] for pair in pairs]
    if len({*names, *OWN_DIMENSIONS}) < len(names) + len(OWN_DIMENSIONS):
        raise ValueError("must name each dimension once, and neither Dataset nor Table")
    if len(names) > 28:
        raise ValueError("must be 28 dimensions at most")
    return ",".join(pairs)


SsmPath = Annotated[str, AfterValidator(ssm_path)]
SecretId = Annotated[str, AfterValidator(secret_id)]
MetricNamespace = Annotated[str, AfterValidator(metric_namespace)]
MetricDimensions = Annotated[str, AfterValidator(metric_dimensions)]
