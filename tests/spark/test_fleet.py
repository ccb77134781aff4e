"""What executors make of objects is what one machine makes of them, row by row, and is loaded once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from etl_daemon.adapters.spark.jobs import surveyed
from etl_daemon.bootstrap.spark import outlet
from etl_daemon.core.datasets import Mode
from etl_daemon.core.events import Retried
from etl_daemon.core.model import BatchPlan, Fence
from etl_daemon.core.planning.shares import cut
from etl_daemon.core.rules.origin import beside, row_by_row
from etl_daemon.core.rules.precedence import gather
from etl_daemon.errors import ConfigError, TransientError
from etl_daemon.operations.backfill import backfill
from etl_daemon.operations.deliver import deliver
from etl_daemon.pipeline import load, read, transform
from tests.support.corridor import ndjson
from tests.support.desk import Meanwhile
from tests.support.rows import price
from tests.support.s3_servers import s3_client
from tests.support.shared_data import SHARED, needs_shared_data
from tests.support.spark import ALWAYS, Heard, Site, dirty, fill, here, long_object, spark

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("site"), {"REFUSE_ABOVE_SHARE": 0.9})
    fill(made)
    return made


@pytest.fixture(scope="module")
def alone(site: Site) -> dict[str, list]:
    """What one machine makes of it."""
    found = site.load("alone")
    assert {line[2:4] for line in found["ledger"]} == {
        ("loaded", ""),
        ("refused", "undecodable"),
        ("refused", "missing_columns"),
        ("refused", "reject_share"),
    }
    assert len(found["rows"]) > 30_000
    assert found["anomalies"]
    assert {"undecodable", "ohlc_relation"} <= {line[3] for line in found["quarantine"]}
    return found


@pytest.mark.parametrize("partitions", [1, 2, 17])
def test_rows_quarantine_and_ledger_do_not_depend_on_partitions(session, site, alone, partitions) -> None:
    assert site.load(f"spark{partitions}", spark(session, partitions)) == alone
    assert site.staging == []


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One object of three sections, a thousand times each other one."""
    made = Site(tmp_path_factory.mktemp("heavy"))
    lines = long_object(200_000) + b"\n" + ndjson(dirty(2_000, 1)) + b"\n \n{\n"
    made.put("long.ndjson", lines * 7, 0)
    for number in range(3):
        made.put(f"{number}.ndjson", ndjson(dirty(1_000, 2 + number)), number + 1)
    return made


@pytest.fixture(scope="module")
def heavy_alone(heavy: Site) -> dict[str, list]:
    found = heavy.load("alone")
    assert max(line[4] for line in found["ledger"]) > 1_400_000
    assert len(found["quarantine"]) > 30_000
    assert found["anomalies"]
    return found


@pytest.mark.parametrize("partitions", [1, 2, 17])
def test_one_object_that_several_executors_read_gives_the_same(session, heavy, heavy_alone, partitions) -> None:
    with heavy.runtime("none", spark(session, partitions)) as runtime:
        fleet = runtime.corridor.fleet
        refs = tuple(sorted(runtime.corridor.intake.source.list("", "processed/price_data/")))
        plan = BatchPlan(runtime.datasets[0], refs)
        run = partial(fleet._run, plan)
        shares = [*cut(refs, partitions, surveyed(plan, partitions, fleet.divider, fleet.open_bench, run))]
        assert sum(1 for share in shares if share.portion) == {1: 0, 2: 2, 17: 3}[partitions]
    assert heavy.load(f"spark{partitions}", spark(session, partitions)) == heavy_alone
    assert heavy.staging == []


def test_a_parquet_file_that_several_executors_read_gives_the_same(session, tmp_path: Path) -> None:
    site, at = Site(tmp_path), np.arange(1_100_000)
    instants = pa.array(at // 26 % 500 * 60_000_000 + 1_767_225_600_000_000).cast(pa.timestamp("us"))
    prices = {name: 9.0 + at % 7 * step for name, step in [("open", 0.1), ("low", 0.01), ("high", 0.3), ("close", 0.2)]}
    symbols = pa.array([chr(65 + number) * 3 for number in range(26)]).take(pa.array(at % 26))
    table = pa.table({"symbol": symbols, "timestamp": instants, **prices, "volume": at % 1_000 - 3.0})
    (site.bucket / "processed/price_data").mkdir(parents=True)
    parquet.write_table(
        table, site.bucket / "processed/price_data/long.parquet", row_group_size=100_000, use_dictionary=False
    )
    alone = site.load("alone")
    assert len(alone["quarantine"]) == 1_100 * 3
    with site.runtime("none", spark(session, 2)) as runtime:
        refs = tuple(runtime.corridor.intake.source.list("", "processed/price_data/"))
        assert len(runtime.corridor.fleet.divider.sections(refs[0], runtime.datasets[0])) == 2
    assert site.load("spark", spark(session, 2)) == alone
    assert site.staging == []


@needs_shared_data
def test_real_data_gives_the_same(session, tmp_path: Path) -> None:
    site = Site(tmp_path, {"ETL_DATASETS_FILE": tmp_path / "datasets.toml"})
    (tmp_path / "datasets.toml").write_text(
        "[datasets.price_data]\nsymbol_from_key = '/(?P<symbol>[^/_-]+)[_-][^/]*$'\n"
    )
    paths = [*SHARED.glob("sp500_sample/*.csv.gz"), *SHARED.glob("yf_price_errors/*.csv")]
    for minutes, path in enumerate([*sorted(paths), SHARED / "dirty_misc/pandas_ta_SPY_D.csv.gz"]):
        site.put(path.name, path.read_bytes(), minutes)
    alone = site.load("alone")
    assert len(alone["rows"]) > 10_000
    assert len({line[3] for line in alone["quarantine"]}) > 2
    assert site.load("spark", spark(session, 5)) == alone


@pytest.mark.parametrize("mode", [Mode.APPEND, Mode.INCREMENTAL])
def test_other_modes_give_the_same(session, tmp_path: Path, mode: Mode) -> None:
    site = Site(tmp_path, {"PRICE_DATA_MODE": mode})
    for number in range(6):
        site.put(f"{number}.ndjson", ndjson(dirty(50, number)), number)
    alone = site.load("alone")
    assert any(line[7] or line[8] for line in alone["ledger"]) == (mode is Mode.INCREMENTAL)
    assert site.load("spark", spark(session, 3)) == alone


def test_tables_of_any_columns_give_the_same(session, tmp_path: Path) -> None:
    """Types are found for each object as a whole, and brought together where all of them are."""
    site = Site(tmp_path, {"ETL_DATASETS_FILE": tmp_path / "datasets.toml"})
    (tmp_path / "datasets.toml").write_text(
        '[datasets.things]\nprefix = "things"\ntable = "RAW.THINGS"\nmode = "APPEND"\n'
    )
    records = [
        {"id": 1, "price": 1.5, "on": "2026-01-01", "tags": {"a": [1, 2]}, "text": "x"},
        {"id": 2**40, "price": "12345678901234567890.25", "on": "2026-01-02T03:04:05.678901Z", "tags": None},
        {"id": 3, "price": True, "more": 7, "text": "y"},
    ]
    for number, record in enumerate(records):
        lines = [record] * 3 + [{"id": number}]
        site.put(f"{number}.ndjson", ndjson(lines) + b"{oops\n", number, prefix="things")
    site.put("none.ndjson", b"", 5, prefix="things")
    alone = site.load("alone", dataset="things")
    assert len(alone["rows"]) == 12
    assert len(alone["quarantine"]) == 3
    assert site.load("spark", spark(session, 2), dataset="things") == alone


def test_what_dead_runs_have_left_goes_when_the_next_one_begins(session, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put("a.ndjson", ndjson([price()]))
    others = site.bucket / "_etl_daemon/staging/another-daemon/price_data/x/accepted/1.parquet"
    for left in (site.bucket / "_etl_daemon/staging/etl-daemon/price_data/x/accepted/1.parquet", others):
        left.parent.mkdir(parents=True)
        left.touch()
    assert len(site.load("spark", spark(session))["rows"]) == 1
    assert site.staging == [others]


def test_a_daemon_that_is_quicker_with_an_object_leaves_the_others_to_the_backfill(session, tmp_path: Path) -> None:
    site = Site(tmp_path, {"PRICE_DATA_WINDOW": 87_600})
    rows = {number: dirty(40, number) for number in range(5)}
    for number, of_it in rows.items():
        site.put(f"{number}.ndjson", ndjson(of_it), number)
    with site.runtime("both") as daemon, site.runtime("both", spark(session, 2)) as runtime:
        meanwhile = Meanwhile(*_destination(runtime))

        def loads() -> None:
            first_two = tuple(daemon.corridor.intake.source.list("", "processed/price_data/"))[:2]
            plan = BatchPlan(daemon.datasets[0], first_two)
            daemon.corridor.destination.prepare(daemon.datasets)
            load(plan, daemon.corridor, lambda: Fence(1, "daemon"), daemon.clock.now())

        meanwhile.before = loads
        corridor = replace(runtime.corridor, destination=meanwhile)
        (*_, last) = backfill(runtime.datasets[0], ALWAYS, corridor, runtime.operator("ann"))
    assert meanwhile.before is None
    assert last.complete
    loaded = [line.ref.key[-8:] for receipt in last.receipts for line in receipt.objects]
    assert loaded == ["2.ndjson", "3.ndjson", "4.ndjson"]
    assert site.contents("both") == site.load("alone")
    assert site.staging == []


def _destination(runtime):
    """What a destination is made of."""
    return runtime.corridor.destination._engine, runtime.corridor.destination._anomalies


def test_a_job_that_fails_loads_nothing_and_the_next_run_does_it(session, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put("a.ndjson", ndjson([price()]))
    blocked = site.bucket / "_etl_daemon"
    blocked.touch()  # where the folder of what waits for its commit should be

    with pytest.raises(TransientError, match=r"The Spark job of batch \w+ failed: .*Not a directory"):
        site.load("spark", spark(session))
    assert site.contents("spark")["rows"] == []
    blocked.unlink()
    assert len(site.load("spark", spark(session))["rows"]) == 1


def test_a_batch_is_committed_although_what_it_leaves_cannot_be_removed(session, tmp_path: Path) -> None:
    site, heard = Site(tmp_path), Heard()
    site.put("a.ndjson", ndjson([price()]))
    with site.runtime("spark", spark(session), heard) as runtime:
        depot = runtime.corridor.fleet.depot
        clear, failing = depot.clear, []

        def refusing(folder: str) -> None:
            if "/" in folder and not failing:
                failing.append(folder)
                raise TransientError("not now")
            clear(folder)

        depot.clear = refusing
        (*_, last) = backfill(runtime.datasets[0], ALWAYS, runtime.corridor, runtime.operator("ann"))
    assert last.receipts[0].counts.loaded == 1
    assert [event.dependency for event in heard.events if isinstance(event, Retried)] == ["staging"]


def test_objects_in_s3_are_fetched_by_executors_and_staged_there(s3_session, tmp_path: Path) -> None:
    session, url = s3_session
    client = s3_client(url)
    client.create_bucket(Bucket="market")
    for number in range(4):
        client.put_object(Bucket="market", Key=f"processed/price_data/{number}.ndjson", Body=ndjson(dirty(50, number)))
    site = Site(tmp_path, {"ETL_LOCAL_DIR": "", "ETL_SOURCE": "s3", "S3_BUCKET": "market"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        alone = site.load("alone", here)
        assert len(alone["rows"]) > 50
        assert site.load("spark", spark(session, 2)) == alone
    left = [each["Key"] for each in client.list_objects_v2(Bucket="market")["Contents"]]
    assert not [key for key in left if key.startswith("_etl_daemon/staging")]
    assert len(left) == 4


def test_files_instead_of_a_warehouse_hold_what_each_object_gives(session, tmp_path: Path) -> None:
    site = Site(tmp_path, {"REFUSE_ABOVE_SHARE": 0.9})
    fill(site, rows=60, of_the_long_one=3_000)
    with site.runtime("none") as runtime:
        dataset, to = runtime.datasets[0], outlet(runtime, session, str(tmp_path / "out"))
        for _ in deliver(dataset, ALWAYS, runtime.corridor, to, runtime.stop):
            pass
        whole = BatchPlan(dataset, tuple(sorted(runtime.corridor.intake.source.list("", "processed/price_data/"))))
        slices = gather(transform(read(whole, runtime.corridor.intake), runtime.corridor.intake)).slices
        with pytest.raises(ConfigError, match="There are files of price_data already"):
            next(deliver(dataset, ALWAYS, runtime.corridor, to, runtime.stop))
    assert not (tmp_path / "none.duckdb").exists()

    out = tmp_path / "out" / "price_data"
    assert sorted(path.name for path in out.iterdir()) == ["_SUCCESS", "accepted", "anomalies", "quarantined"]
    assert not [path for path in (tmp_path / "out/_staging").rglob("*") if path.is_file()]
    accepted = parquet.read_table(out / "accepted")
    expected = row_by_row(beside((each.ref, each.accepted) for each in slices)).to_pylist()
    place = itemgetter("_OBJECT_KEY", "_OBJECT_ROW")
    assert sorted(accepted.to_pylist(), key=place) == sorted(expected, key=place)
    assert accepted.schema.field("OPEN_PRICE").type == pa.decimal128(20, 8)
    rejected = parquet.read_table(out / "quarantined")
    assert rejected.num_rows == sum(each.counts.quarantined for each in slices)
    assert set(rejected.column_names) == {"OBJECT_ROW", "REASONS", "RAW", "OBJECT_KEY", "OBJECT_VERSION"}
    assert parquet.read_table(out / "anomalies").num_rows == sum(each.anomalies.num_rows for each in slices)


def test_while_one_batch_is_committed_the_next_one_is_read(session, tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(3):
        site.put(f"{number}.ndjson", ndjson(dirty(10, number)), number)
    with site.runtime("none", spark(session)) as runtime:
        refs = sorted(runtime.corridor.intake.source.list("", "processed/price_data/"))
        fleet = runtime.corridor.fleet
        plans = fleet.ahead(BatchPlan(runtime.datasets[0], (ref,)) for ref in refs)
        first = next(plans)
        with fleet.cleaned(first) as batch:
            assert len(list(batch.results)) == 1
            (following,) = fleet._jobs.values()  # no more than one ahead
            assert [of for of, _ in following.told.result(60)] == [refs[1]]
            assert len({path.parent for path in site.staging}) >= 2
    assert site.staging == []
