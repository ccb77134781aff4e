"""Values become HTML by templates, in which every value is escaped, and files go out as they are."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Files that pages ask for, and their types."""


def rendered(template: str, **values: object) -> bytes:
    """The template with these values."""
    return _environment().get_template(template).render(values).encode()


def static(name: str) -> bytes:
    """One of ``STATIC``."""
    return (files(__package__) / "static" / name).read_bytes()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not for daemons whose pages nobody opens

    return Environment(
        loader=PackageLoader("etl_daemon.server"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
