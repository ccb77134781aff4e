"""Whatever processes do, and whenever they pause: no two have the lease at once, and generations only grow."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_daemon.adapters.memory.lease import MemoryDocument, MemoryLeaser
from etl_daemon.core.model import Cursor
from etl_daemon.errors import LeaseLostError, TransientError
from tests.support.leases import Actor, Elapsed

NAMES = "abc"
ACTS = [*["acquire"] * 6, *["renew"] * 2, "release", "raise", "early fault", "late fault", "restart"]
PAUSES = [0.0, 0.0, 3.0, 8.1, 10.1]
"""Seconds around what matters: a third of the lease, what a holder relies on, the whole."""
STEPS = st.tuples(st.sampled_from(ACTS), st.sampled_from(NAMES), st.sampled_from(PAUSES))
MEANWHILE = st.lists(STEPS, max_size=3)


@dataclass
class World:
    """Processes on hosts of their own, and one document."""

    time: Elapsed = field(default_factory=Elapsed)
    document: MemoryDocument = field(default_factory=MemoryDocument)
    owners: dict[int, str] = field(default_factory=dict)
    restarts: int = 0

    def __post_init__(self) -> None:
        self.actors = {name: self.born(name) for name in NAMES}

    def born(self, name: str) -> Actor:
        self.restarts += 1
        return Actor(f"{name}{self.restarts}", self.time, MemoryLeaser(self.document))

    def do(self, act: str, name: str, pause: float) -> None:
        self.time.seconds += pause
        actor = self.actors[name]
        try:
            self.act(act, actor, name)
        except (TransientError, LeaseLostError):
            assert act != "restart"
        self.check()

    def act(self, act: str, actor: Actor, name: str) -> None:
        if act == "acquire" and not actor.tenure.held:
            actor.tenure.acquire()
        elif act == "renew":
            actor.tenure.renew()
        elif act == "release":
            actor.tenure.release()
        elif act == "raise":
            actor.tenure.raise_above([Cursor(generation=actor.tenure.fence().generation, holder="another")])
        elif act == "restart":  # killed, and started again on another host
            self.actors[name] = self.born(name)
        elif act.endswith("fault"):
            faults = actor.leaser.faults if act == "early fault" else actor.leaser.late_faults
            faults.append(TransientError(act))

    def check(self) -> None:
        holding = [actor.tenure.fence() for actor in self.actors.values() if actor.tenure.held]
        assert len(holding) <= 1, holding
        for fence in holding:
            assert self.owners.setdefault(fence.generation, fence.holder) == fence.holder
        generations = self.document.generations
        assert generations == sorted(generations)


TAKE_OVER = [(("acquire", name, pause), []) for name, pause in (("a", 0.0), ("b", 0.0), ("b", 10.1))]


@settings(max_examples=200)
@example(TAKE_OVER)
@given(st.lists(st.tuples(STEPS, MEANWHILE), max_size=30))
def test_never_two_at_once(steps):
    world = World()
    for (act, name, pause), meanwhile in steps:
        actor = world.actors[name]
        others = [step for step in meanwhile if step[1] != name]

        def interlude(actor=actor, others=others) -> None:
            """Between this one's read and its write the others go on, and time passes."""
            actor.leaser.after_read = None
            for step in others:
                world.do(*step)

        actor.leaser.after_read = interlude
        world.do(act, name, pause)
        actor.leaser.after_read = None


def test_the_steps_reach_every_kind_of_change():
    world = World()
    for step in [
        ("acquire", "a", 0),
        ("acquire", "b", 0),
        ("renew", "a", 5),
        ("acquire", "b", 9),
        ("acquire", "b", 9),
        ("acquire", "b", 9),
        ("raise", "b", 0),
        ("release", "b", 0),
        ("acquire", "c", 0),
    ]:
        world.do(*step)
    assert world.document.generations == [1, 1, 2, 3, 3, 4]
