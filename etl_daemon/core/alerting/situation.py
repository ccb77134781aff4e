"""What alerts need to know of how the work goes: one frozen value, replaced at each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etl_daemon.core.alerting.alert import Sign
from etl_daemon.core.alerting.spikes import Weight
from etl_daemon.errors import EtlError

CYCLE = ""
"""Stands for the cycle as a whole where datasets are named."""

LEASE = "lease"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the work is done; ``lease`` is the dependency that the lease lies in, which may be the source."""

    datasets: tuple[str, ...]
    source: str
    destination: str
    lease: str = LEASE


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something does not get on.

    ``dependency`` is whose call failed, if it was one's; ``passing``: it did not answer as it should, which passes.
    """

    dependency: str
    detail: str
    hint: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What is wrong now, and what was heard since the last pause.

    ``failing`` holds datasets, and the cycle as a whole; ``blame`` the last failed call per dataset, with whose it was;
    ``heard`` what came in single events, by key; ``answered`` the dependencies that did.
    """

    scene: Scene
    failing: Mapping[str, Failure] = field(default_factory=dict)
    lease: Failure | None = None
    had_lease: bool = False
    refused_settings: bool = False
    blame: Mapping[str, tuple[EtlError, str]] = field(default_factory=dict)
    deferred: Mapping[str, int] = field(default_factory=dict)
    heard: Mapping[str, Sign] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    committed: tuple[Weight, ...] = ()
    worked: bool = False


def fresh(situation: Situation) -> Situation:
    """The situation once its signs are taken: what is wrong stays, what was heard is done with."""
    return replace(
        situation, heard={}, counted={}, answered=frozenset(), settled=frozenset(), committed=(), worked=False
    )
