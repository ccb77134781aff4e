import re

SECRET_NAMES = re.compile(r"PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|ACCESS_KEY")
USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
STARS = "********"


def shown(name: str, value: object) -> str:
    """The value as it may stand in a log or a message: secrets starred, by the setting's name or inside a URL."""
    if SECRET_NAMES.search(name.upper()):
        return STARS if value not in (None, "") else ""
    return "" if value is None else USER_INFO.sub(STARS, str(value))
