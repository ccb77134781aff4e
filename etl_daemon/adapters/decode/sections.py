"""JSON lines section by section: each is read as if it were an object, and the object is judged by all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

from etl_daemon.adapters.decode.ndjson import JsonLines
from etl_daemon.adapters.decode.pieces import Piece
from etl_daemon.adapters.decode.plan import Keys, require
from etl_daemon.adapters.decode.scratch import Workshop
from etl_daemon.adapters.decode.streams import Block, cut_lines, in_sections
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.planning.sections import Traits

Task = tuple[JsonLines, Block, bool]


@dataclass(slots=True)
class LineSections:
    """Decodes lines whose text begins at byte ``begin`` of their object, where a section does."""

    dataset: Dataset
    workshop: Workshop
    max_record_bytes: int
    section_bytes: int
    begin: int = 0
    _readers: list[JsonLines] = field(default_factory=list)

    def pieces(self, blocks: Iterable[Block]) -> Iterator[Piece]:
        """The rows. Workers do not wait for one another where a section ends."""
        return self.workshop.in_order(_piece, self._tasks(blocks))

    @property
    def traits(self) -> Traits:
        """Of all sections read so far."""
        return sum((reader.keys.traits for reader in self._readers), Traits())

    def _tasks(self, blocks: Iterable[Block]) -> Iterator[Task]:
        numbered = in_sections(blocks, self.section_bytes, self.begin)
        for _, section in groupby(numbered, itemgetter(0)):
            reader = JsonLines(Keys(self.dataset), self.workshop, self.max_record_bytes)
            self._readers.append(reader)
            begins = True
            for chunk in cut_lines(map(itemgetter(1), section), self.max_record_bytes):
                reader.look(chunk)
                yield reader, chunk, begins
                begins = False


def _piece(task: Task) -> Piece:
    reader, chunk, begins = task
    return replace(reader.piece_of(chunk), begins=begins)


def judge(traits: Traits, dataset: Dataset) -> None:
    """Refuse JSON lines that lack a required column in all records, or have several that could each be it.

    Raises:
        DataError: ``missing_columns``, ``ambiguous_columns``.
    """
    if traits.has_records:
        keys = Keys(dataset)
        keys.add(traits.names)
        found = (name for names in keys.matching.found.values() for name in names)
        require(keys.matching, [*found, *keys.extra], nested=True)
