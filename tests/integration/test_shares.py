"""What tasks make of shares, gathered again, is what one reading of the whole batch gives; without Spark."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.local.depot import LocalDepot
from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.spark.gathering import gathered
from etl_daemon.adapters.spark.jobs import surveyed, told
from etl_daemon.adapters.spark.sheaf import Sheaf
from etl_daemon.adapters.spark.task import Bench, Task
from etl_daemon.bootstrap.spark import Recipe, settings_of_executors
from etl_daemon.bootstrap.spark import results as of_executor
from etl_daemon.config import settings_from
from etl_daemon.core.model import BatchPlan, CleanSlice, Counts, Deferral, ObjectRef, Refusal
from etl_daemon.core.planning.sections import Portion, Traits
from etl_daemon.core.planning.shares import Report, Share, cut, rejoined
from etl_daemon.core.policy import Rules
from etl_daemon.pipeline import Dividing, Intake, Tolerance
from etl_daemon.pipeline.intake import SMALL_BYTES
from tests.support.corridor import ndjson
from tests.support.rows import PRICES, price, ref
from tests.support.spark import Site, csv, dirty, fill, hands, here, in_turn, long_object, parquet_of

TABLES = ("accepted", "quarantined", "anomalies")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("site"))
    fill(made, rows=60, of_the_long_one=3_000)
    return made


@pytest.fixture(scope="module")
def plan(site: Site) -> BatchPlan:
    return planned(site)


@contextmanager
def dividing(site: Site, section_bytes: int = 2**26, tolerance: float = 0.9) -> Iterator[Dividing]:
    decoder = ObjectDecoder(sizes=Sizes(slice_rows=500, section_bytes=section_bytes))
    if section_bytes < SMALL_BYTES:
        decoder.decode_together = lambda *_: {}  # what is read together is never larger than a section
    source = LocalSource(site.bucket)
    yield Dividing(Intake(source, decoder, Rules(), Tolerance(refuse=tolerance), 2, 2**20))
    decoder.close()


def results(plan: BatchPlan, site: Site, **how: Any) -> Iterator:
    with dividing(site, **how) as whole:
        yield from of_executor(whole, plan, None)


def shared(plan: BatchPlan, site: Site, most: int, *, shown: bool = True, **how: Any) -> list:
    """As the executors and the driver do it."""
    depot = LocalDepot(site.folder / "depot")

    @contextmanager
    def bench() -> Iterator[Bench]:
        with dividing(site, **how) as parts:
            yield Bench(partial(of_executor, parts), depot, parts.section)

    with dividing(site, **how) as whole:
        sections = surveyed(plan, most, whole, bench, in_turn)
        shares = tuple(cut(plan.objects, most, sections))
        assert len(shares) <= most + 2 * len(sections)
        assert [*dict.fromkeys(ref for share in shares for ref in share.objects)] == list(plan.objects)
        task = Task(bench, plan.dataset, shares, "batch", shown)
        return list(gathered(plan.dataset, told(task, whole, in_turn), depot))


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


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Objects of more than a share: one to load, others that are refused for this or that."""
    made = Site(tmp_path_factory.mktemp("large"))
    made.put("a.ndjson", long_object(3_000) + b"\n\n{\n" + ndjson(dirty(2_000, 1)), 0)
    lacking = [{name: value for name, value in row.items() if name != "volume"} for row in dirty(2_200, 2)]
    made.put("b-lacks-volume.ndjson", ndjson(lacking), 1)
    made.put("c-unfit.ndjson", ndjson([price(), *[price("bad one")] * 2_000]), 2)
    made.put("d-lacks-volume-at-first.ndjson", ndjson([*lacking, *dirty(700, 6)]), 3)
    made.put("e.ndjson", ndjson(dirty(5, 3)), 4)
    made.put("f.csv", csv(dirty(2_000, 4)), 5)
    plain_pages = {"compression": "none", "use_dictionary": False, "row_group_size": 250}
    made.put("h.parquet", parquet_of(dirty(6_000, 7), **plain_pages), 7)
    made.put("g.ndjson.gz", gzip.compress(ndjson(dirty(2_000, 5)), 0), 6)
    return made


CUT = {"section_bytes": 50_000, "tolerance": 0.95}


@pytest.fixture(scope="module")
def undivided(large: Site) -> list:
    whole = list(results(planned(large), large, **CUT))
    assert [each.reason for each in whole if isinstance(each, Refusal)] == ["missing_columns", "reject_share"]
    assert sum(each.ref.key.endswith("/a.ndjson") for each in whole) > 10
    return plain(kept(whole))


@pytest.mark.parametrize("most", [2, 17])
def test_objects_of_more_than_a_share_are_divided_and_give_the_same(large: Site, undivided: list, most: int) -> None:
    assert plain(kept(shared(planned(large), large, most, **CUT))) == undivided


def test_only_plain_lines_and_parquet_of_more_than_a_share_are_divided(large: Site) -> None:
    plan = planned(large)
    with dividing(large, section_bytes=50_000) as whole:
        bench = Bench(lambda *_: iter(()), LocalDepot(large.folder), whole.section)
        sections = surveyed(plan, 17, whole, lambda: nullcontext(bench), in_turn)
        assert {each.key.rpartition("/")[2][0] for each in sections} == {"a", "b", "c", "d", "h"}
        portions = [share.portion for share in cut(plan.objects, 17, sections) if share.portion]
    assert len(portions) > 12
    for of, found in sections.items():
        parquet_mark = 4 if of.key.endswith(".parquet") else 0
        assert sum(each.end - each.begin for each in found) == of.size - parquet_mark


def test_an_object_that_is_gone_when_it_is_divided_is_put_off_as_a_whole(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.put("a.ndjson", ndjson(dirty(2_000, 1)))
    site.put("b.ndjson", ndjson([price()]), 1)
    plan = planned(site)
    site.put("a.ndjson", ndjson(dirty(2_000, 2)), 5)
    found = shared(plan, site, 3, section_bytes=30_000)
    assert [(type(each), each.ref.key[-8:]) for each in found] == [(Deferral, "a.ndjson"), (CleanSlice, "b.ndjson")]
    assert found[0].changed


def test_behind_the_first_fault_of_a_divided_object_is_nothing_more() -> None:
    one, other, whole = ref("a"), ref("b"), ref("c")
    fit, fault = Report("slice", Counts(2, 1, 1)), Report("refusal", reason="undecodable")
    end, asked = Report("traits", traits=Traits(("x",))), []

    def verdict(of: ObjectRef, traits: Traits, counts: Counts) -> Refusal:
        asked.append((of, traits, counts))
        return Refusal(of, "reject_share", "")

    told = [(one, fit), (one, end), (one, fault), (one, end), (one, fit), (one, Report("deferral")), (one, end)]
    told += [(other, fit), (other, end), (other, fit), (other, replace(end, traits=Traits(("y",), True))), (whole, fit)]
    assert [(of.key, report.kind) for of, report in rejoined(told, verdict)] == [
        ("a", "slice"), ("a", "refusal"), ("b", "slice"), ("b", "slice"), ("b", "refusal"), ("c", "slice"),
    ]  # fmt: skip
    assert asked == [(other, Traits(("x", "y"), True), Counts(4, 2, 2))]


def test_a_cycle_by_a_fleet_loads_what_one_without_it_does(tmp_path: Path) -> None:
    site = Site(tmp_path, {"PRICE_DATA_WINDOW": 87_600, "ETL_BATCH_SIZE": 200})
    for number in range(4):
        site.put(f"{number}.ndjson", ndjson(dirty(120, number)), number)
    for name, engine in (("alone", here), ("fleet", hands(2))):
        with site.runtime(name, engine) as runtime:
            runtime.corridor.destination.prepare(runtime.datasets)
            reports = runtime.daemon().cycle()
            assert [report.settled for report in reports] == [4, 0, 0]
            assert len(reports[0].receipts) > 1
    assert site.contents("fleet") == site.contents("alone")
    assert site.staging == []


def planned(site: Site) -> BatchPlan:
    return BatchPlan(PRICES, tuple(sorted(LocalSource(site.bucket).list("", "processed/price_data/"))))


def test_rows_of_a_refused_object_lie_in_files_of_their_own_if_at_all(tmp_path: Path) -> None:
    there = Site(tmp_path)
    there.put("a.ndjson", ndjson([price()]))
    there.put("b.ndjson", ndjson([price(), *[price("bad one")] * 1200]), 1)  # three slices
    there.put("c.ndjson", ndjson([price("IBM"), *[price("bad one")] * 20]), 2)
    there.put("d.ndjson", ndjson([price("MSFT")]), 3)
    plan = planned(there)
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
    sizes = [len(share.objects) for share in cut(small, 4)]
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
    def broken(share: BatchPlan, portion: Portion | None) -> Iterator:
        raise OSError("no more")
        yield share, portion

    @contextmanager
    def bench() -> Iterator[Bench]:
        yield Bench(broken, LocalDepot(tmp_path), lambda *_: None)

    task = Task(bench, plan.dataset, (Share(plan.objects),), "batch")
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
