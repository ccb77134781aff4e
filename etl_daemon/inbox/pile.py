"""Messages in hand: what each still waits for, and which are done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from etl_daemon.core.messages import Message, not_later

Place = tuple[str, str]
"""A dataset, and a key of it."""

REMEMBERED = 100_000
"""Keys whose latest settled write is remembered, so that a message that comes again costs no look at the store."""


@dataclass(slots=True)
class _Letter:
    message: Message
    open: dict[Place, str]


@dataclass(slots=True)
class Pile:
    """Takes messages in, and says what they name; none of it is for two threads at once.

    Only what was taken can be settled: an object may be written again while an earlier write of it is being loaded,
    and the message that says so must wait for the next turn.
    """

    _letters: dict[str, _Letter] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _settled: dict[Place, str] = field(default_factory=dict)
    _beaten: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._letters)

    def add(self, message: Message, names: Mapping[Place, str]) -> bool:
        """Take in a message that names these, each with its sequencer; False: there is nothing to wait for."""
        waits = {place: at for place, at in names.items() if not not_later(at, self._settled.get(place, ""))}
        if waits:
            self._letters[message.id] = _Letter(message, waits)  # one that is here already has another handle now
        return bool(waits)

    def take(self) -> Mapping[str, frozenset[str]]:
        """Everything that is waited for: keys by dataset."""
        self._taken = set(self._letters)
        keys: dict[str, set[str]] = defaultdict(set)
        for letter in self._letters.values():
            for dataset, key in letter.open:
                keys[dataset].add(key)
        return {dataset: frozenset(each) for dataset, each in keys.items()}

    def settle(self, dataset: str, keys: Collection[str]) -> list[Message]:
        """These are in the ledger, or are none of ours; the messages that wait for nothing else leave the pile."""
        done = []
        for name in [name for name in self._letters if name in self._taken]:
            letter = self._letters[name]
            for place in [place for place in letter.open if place[0] == dataset and place[1] in keys]:
                self._remember(place, letter.open.pop(place))
            if not letter.open:
                done.append(self._letters.pop(name).message)
        return done

    def due(self) -> list[Message]:
        """Those that are still here since this was last asked."""
        stay = [letter.message for name, letter in self._letters.items() if name in self._beaten]
        self._beaten = set(self._letters)
        return stay

    def clear(self) -> list[Message]:
        """Let go of everything, and of what is remembered."""
        left = [letter.message for letter in self._letters.values()]
        self._letters.clear()
        self._settled.clear()
        return left

    def _remember(self, place: Place, sequencer: str) -> None:
        if not sequencer or not_later(sequencer, self._settled.get(place, "")):
            return
        self._settled.pop(place, None)  # to the end: the one that was settled longest ago goes first
        self._settled[place] = sequencer
        if len(self._settled) > REMEMBERED:
            del self._settled[next(iter(self._settled))]
