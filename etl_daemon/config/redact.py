import re

SECRET_NAMES = re.compile(r"PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|ACCESS_KEY|PRIVATE_KEY$|WEBHOOK|ALERT_URLS")
NO_SECRET_NAMES = re.compile(r"_URL$")
"""Where only what stands inside the value can be secret."""

USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
QUERY_SECRET = re.compile(
    r"([?&][\w.-]*(?:secret|token|password|signature|credential|key)[\w.-]*=)[^&#\s]+", re.IGNORECASE
)
"""What follows a telling name in a URL's query."""

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
STARS = "********"


def shown(name: str, value: object) -> str:
    """The value as it may stand in a log or a message: secrets starred, by the setting's name or by their look."""
    if SECRET_NAMES.search(name.upper()) and not NO_SECRET_NAMES.search(name.upper()):
        return STARS if value not in (None, "") else ""
    text = "" if value is None else QUERY_SECRET.sub(rf"\1{STARS}", USER_INFO.sub(STARS, str(value)))
    return PRIVATE_KEY.sub(STARS, text)
