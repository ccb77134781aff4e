"""What tasks make of shares, gathered again, is what one reading of the whole batch gives; without Spark."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.local.depot import LocalDepot
from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.spark.gathering import gathered
from etl_daemon.adapters.spark.sheaf import Sheaf
from etl_daemon.adapters.spark.task import Bench, Task
from etl_daemon.bootstrap.spark import Recipe, settings_of_executors
from etl_daemon.config import settings_from
from etl_daemon.core.model import BatchPlan, CleanSlice, Refusal
from etl_daemon.core.planning.shares import Report, cut
from etl_daemon.core.policy import Rules
from etl_daemon.pipeline import Intake, Tolerance, read, transform
from tests.support.corridor import ndjson
from tests.support.rows import PRICES, price
from tests.support.spark import Site, fill

TABLES = ("accepted", "quarantined", "anomalies")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("site"))
    fill(made, rows=60, of_the_long_one=3_000)
    return made


@pytest.fixture(scope="module")
def plan(site: Site) -> BatchPlan:
    return BatchPlan(PRICES, tuple(sorted(LocalSource(site.bucket).list("", "processed/price_data/"))))


def results(plan: BatchPlan, site: Site) -> Iterator:
    decoder = ObjectDecoder(slice_rows=500)
    intake = Intake(LocalSource(site.bucket), decoder, Rules(), Tolerance(refuse=0.9), 2, 2**20)
    yield from transform(read(plan, intake), intake).results
    decoder.close()


def shared(plan: BatchPlan, site: Site, most: int, *, shown: bool = True) -> list:
    """As the executors and the driver do it."""
    depot = LocalDepot(site.folder / "depot")

    @contextmanager
    def bench() -> Iterator[Bench]:
        yield Bench(lambda share: results(share, site), depot)

    shares = tuple(BatchPlan(plan.dataset, share) for share in cut(plan.objects, most))
    assert len(shares) <= most
    assert [ref for share in shares for ref in share.objects] == list(plan.objects)
    numbers = [pa.RecordBatch.from_pydict({"id": [number]}) for number in range(len(shares))]
    told = [row for batch in Task(bench, shares, "batch", shown)(iter(numbers)) for row in batch.to_pylist()]
    return list(gathered(shares, [(row["share"], row["object"], Report.of(row["report"])) for row in told], depot))


def kept(results: Iterable) -> list:
    """As staging keeps them: no slices of an object that is refused in the end."""
    found = list(results)
    out = {each.ref for each in found if not isinstance(each, CleanSlice)}
    return [each for each in found if not isinstance(each, CleanSlice) or each.ref not in out]


def plain(results: list) -> list:
    """Results as values that compare; Parquet has its own width of a dictionary's indices."""
    found = []
    for result in results:
        if not isinstance(result, CleanSlice):
            found.append(result)
            continue
        rest = {name: getattr(result, name) for name in CleanSlice.__slots__ if name not in TABLES}
        found.append((rest | {"reasons": dict(result.reasons)}, *(_rows(getattr(result, name)) for name in TABLES)))
    return found


def _rows(table: pa.Table) -> list:
    return [table.schema.names, *table.to_pylist()]


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("most", [1, 2, 17, 100])
def test_any_cut_gives_the_same_results_in_the_order_of_the_plan(
    plan: BatchPlan, site: Site, most: int, shown: bool
) -> None:
    whole = plain(kept(results(plan, site)))
    assert {type(each) for each in whole} > {tuple}
    assert plain(kept(shared(plan, site, most, shown=shown))) == whole


def test_rows_of_a_refused_object_lie_in_files_of_their_own_if_at_all(tmp_path: Path) -> None:
    there = Site(tmp_path)
    there.put("a.ndjson", ndjson([price()]))
    there.put("b.ndjson", ndjson([price(), *[price("bad one")] * 1200]), 1)  # three slices
    there.put("c.ndjson", ndjson([price("IBM"), *[price("bad one")] * 20]), 2)
    there.put("d.ndjson", ndjson([price("MSFT")]), 3)
    plan = BatchPlan(PRICES, tuple(sorted(LocalSource(there.bucket).list("", "processed/price_data/"))))
    found = shared(plan, there, 1)
    assert [each.ref.key[-8:] for each in found if isinstance(each, Refusal)] == ["b.ndjson", "c.ndjson"]
    assert [each.ref.key[-8:] for each in found if isinstance(each, CleanSlice)] == [
        "a.ndjson", *["b.ndjson"] * 3, "d.ndjson",
    ]  # fmt: skip
    symbols = [
        parquet.read_table(path, columns=["SYMBOL"])["SYMBOL"].to_pylist()
        for path in (there.folder / "depot/batch/accepted").iterdir()
    ]
    assert sorted(symbols) == [["AAPL"], ["AAPL"], ["MSFT"]]


def test_types_are_those_of_the_target(plan: BatchPlan, site: Site) -> None:
    for result in shared(plan, site, 2):
        if isinstance(result, CleanSlice):
            fields = [field for field in result.accepted.schema if field.name != "_OBJECT_ROW"]
            plain_types = [(each.name, getattr(each.type, "value_type", each.type)) for each in fields]
            assert plain_types == [(each.name, each.type) for each in PRICES.schema.target]


def test_shares_are_of_about_the_same_size(plan: BatchPlan) -> None:
    small = [ref for ref in plan.objects if "/k" in ref.key]
    sizes = [len(share) for share in cut(small, 4)]
    assert sizes == [5, 5, 5, 5]


@pytest.mark.parametrize("shown", [False, True])
def test_rows_under_one_another_fill_files_of_a_size(tmp_path: Path, shown: bool) -> None:
    depot = LocalDepot(tmp_path)
    sheaf = Sheaf(depot, "a", shown, file_bytes=10_000)
    table = pa.table({"x": pa.array(range(2**18))})
    names = [sheaf.add(table), sheaf.add(table), sheaf.add(table), sheaf.add(pa.table({"y": [1]}))]
    assert not _files(tmp_path)[3:], "the last is not there before it is whole"
    sheaf.close()
    assert len(set(names)) == 4
    assert len(_files(tmp_path)) == 4


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_task_that_fails_tells_nothing_and_leaves_no_temporary_file(plan: BatchPlan, tmp_path: Path) -> None:
    def broken(share: BatchPlan) -> Iterator:
        raise OSError("no more")
        yield share

    @contextmanager
    def bench() -> Iterator[Bench]:
        yield Bench(broken, LocalDepot(tmp_path))

    task = Task(bench, (plan,), "batch")
    with pytest.raises(OSError, match="no more"):
        next(task(iter([pa.RecordBatch.from_pydict({"id": [0]})])))
    assert not [*tmp_path.rglob("*")]


def test_settings_travel_to_executors_without_secrets(tmp_path: Path) -> None:
    secrets = {
        "SNOWFLAKE_PASSWORD": "hush-1",
        "SMTP_PASSWORD": "hush-2",
        "ALERT_WEBHOOK": "https://hooks.example.org/hush-3",
        "ETL_LINEAGE_API_KEY": "hush-4",
        "ETL_LINEAGE_URL": "https://ann:hush-5@lineage.example.org",
    }
    settings = settings_from(
        {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(tmp_path), "SYMBOL_PATTERN": "any", **secrets}
    )
    assert pickle.dumps(settings).count(b"hush") == 5
    carried = pickle.dumps(Recipe(settings_of_executors(settings)))
    assert b"hush" not in carried
    there = pickle.loads(carried).settings
    assert (there.symbol_pattern, there.etl_local_dir, there.cpu_limit_cores) == (
        settings.symbol_pattern, tmp_path, 1,
    )  # fmt: skip
