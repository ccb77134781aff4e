"""Text as terminals may get it."""


def visible(text: str) -> str:
    """The text with control characters written out: what came from elsewhere must not steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)
