"""What of a value may be seen: secrets are known by the setting's name, or by their look."""

import re

SECRET_NAMES = re.compile(
    r"PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY$|WEBHOOK|ALERT_URLS"
)
NO_SECRET_NAMES = re.compile(r"_URL$|_SECRET_ID$")
"""Where only what stands inside the value can be secret."""

STARS = "********"
_TELLING = "(?:secret|token|password|passphrase|signature|credential)"
_MORE = r"[\w.-]{0,40}"  # bounds throughout: whatever is shown passes here, at whatever length
_IN_TEXT = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"(://)[^/\s]+(?=@)",  # who asks, in a URL
        rf"([?&]{_MORE}(?:{_TELLING}|key){_MORE}=)[^&#\s]+",  # in its query, or in a form
        # in JSON, or in what Python makes of it
        rf"({_TELLING}{_MORE}\\{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}(\\{{0,4}}[\"'])).*?(?:(?<!\\)(?=\2)|\Z)",
        rf"(<{_MORE}{_TELLING}{_MORE}>)[^<]+",  # in XML
        r"((?:authorization|security-token)[\"']?\s{0,4}[:=]\s{0,4})[^\n,;]+",  # in a header
        r"()-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
    )
)
"""What gives a secret away, in a group that stays, and the secret behind it; servers say back what they were told."""


def shown(name: str, value: object) -> str:
    """The value as it may stand in a log or a message: secrets starred."""
    if SECRET_NAMES.search(name.upper()) and not NO_SECRET_NAMES.search(name.upper()):
        return STARS if value not in (None, "") else ""
    text = "" if value is None else str(value)
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\1{STARS}", text)
    return text
