import re

SECRET_NAMES = re.compile(r"PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|ACCESS_KEY|PRIVATE_KEY$")
NO_SECRET_NAMES = re.compile(r"_URL$")
"""Where only what stands inside the value can be secret."""

USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
STARS = "********"


def shown(name: str, value: object) -> str:
    """The value as it may stand in a log or a message: secrets starred, by the setting's name or by their look."""
    if SECRET_NAMES.search(name.upper()) and not NO_SECRET_NAMES.search(name.upper()):
        return STARS if value not in (None, "") else ""
    return "" if value is None else PRIVATE_KEY.sub(STARS, USER_INFO.sub(STARS, str(value)))
