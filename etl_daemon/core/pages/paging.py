"""A list that is shown a page at a time, and the addresses of its other pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from etl_daemon.core.status.asked import Found

T = TypeVar("T")
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """What was found, in words, and where there is more of it; an empty address: nowhere."""

    found: Found[T]
    words: str
    earlier: str
    later: str


def paged(found: Found[T], query: Query, name: str = "objects") -> Paged[T]:
    """The page that ``query`` asked for; addresses keep everything else that it says."""

    def address(page: int) -> str:
        kept = {key: value for key, value in query.items() if value and key != "page"}
        return f"?{urlencode({**kept, 'page': page})}" if 1 <= page <= found.pages else ""

    words = f"{found.first:,} to {found.last:,} of {found.total:,} {name}" if found.total else f"No {name}"
    return Paged(found, f"{words}.", address(found.page - 1), address(found.page + 1))


def page_of(query: Query) -> int:
    """The page that is asked for; 1 where that is no number."""
    text = query.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 1
