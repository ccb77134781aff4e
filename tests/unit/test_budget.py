"""Whatever holds bytes at the same time fits the limit together."""

from __future__ import annotations

import pytest

from etl_daemon.core.budget import (
    AHEAD_BYTES,
    CHUNK_BYTES,
    LARGE_CHUNKS_BYTES,
    LEAST_MB,
    MIB,
    PARSER_BYTES,
    PROCESS_BYTES,
    SLICE_BYTES,
    SPOOLED_FROM_BYTES,
    divided,
)

LIMITS = [LEAST_MB, 640, 768, 1024, 2048, 65_536]


@pytest.mark.parametrize("cores", [1, 2, 8, 128])
@pytest.mark.parametrize("limit_mb", LIMITS)
def test_the_shares_of_each_step_fit_the_limit(limit_mb: int, cores: int) -> None:
    shares = divided(limit_mb, cores)
    always = PROCESS_BYTES + shares.staged
    ahead = AHEAD_BYTES if shares.decode_ahead else 0
    parsers = (shares.parsers - 2) * PARSER_BYTES + (LARGE_CHUNKS_BYTES if shares.chunk > CHUNK_BYTES else 0)
    assert always + SLICE_BYTES + ahead + parsers + shares.fetched + shares.typed <= limit_mb * MIB, "reading"
    assert always + shares.engine <= limit_mb * MIB, "the commit"
    assert min(shares.fetched, shares.typed, shares.staged) > 0
    assert shares.spooled_from <= min(shares.fetched, SPOOLED_FROM_BYTES)


def test_every_share_grows_with_the_limit() -> None:
    shares = [divided(limit, 2) for limit in (512, 2048, 8192)]
    for name in ("fetched", "typed", "staged", "engine"):
        sizes = [getattr(each, name) for each in shares]
        assert sizes == sorted(set(sizes)), name


def test_workers_follow_the_cores_as_far_as_memory_goes() -> None:
    assert [divided(65_536, cores).parsers for cores in (1, 2, 8, 128)] == [2, 2, 8, 128]
    assert divided(LEAST_MB, 128).parsers < 4
    assert not divided(65_536, 1).decode_ahead, "nobody else is there to do it"
    assert not divided(LEAST_MB, 8).decode_ahead
    assert divided(1024, 2).decode_ahead


def test_chunks_are_large_where_there_is_room() -> None:
    assert divided(LEAST_MB, 2).chunk == CHUNK_BYTES
    assert divided(1024, 2).chunk == 2 * CHUNK_BYTES
