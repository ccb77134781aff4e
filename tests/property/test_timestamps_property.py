from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_daemon.core.rules.timestamps import parse_timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

moments = st.datetimes(datetime.fromisoformat("0001-01-03"), datetime.fromisoformat("9999-12-29"))
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def micros(moment):
    return (moment - EPOCH) // MICROSECOND


@given(st.lists(st.builds(datetime.replace, moments, tzinfo=zones), min_size=1, max_size=30))
def test_agrees_with_fromisoformat(aware):
    texts = [moment.isoformat() for moment in aware]
    found = parse_timestamps(pa.array(texts))
    assert not found.invalid.any()
    assert found.micros.tolist() == [micros(datetime.fromisoformat(text)) for text in texts]


@given(
    st.lists(moments, min_size=1, max_size=20), st.sampled_from(["T", "t", " "]), st.sampled_from("-/"), st.booleans()
)
def test_every_spelling_means_the_same(plain, between, separator, comma):
    standard = [moment.isoformat(sep="T", timespec="microseconds") for moment in plain]
    spelled = [
        (text[:10].replace("-", separator) + between + text[11:]).replace(".", "," if comma else ".")
        for text in standard
    ]
    expected = [micros(moment.replace(tzinfo=UTC)) for moment in plain]
    assert parse_timestamps(pa.array(standard)).micros.tolist() == expected
    assert parse_timestamps(pa.array(spelled)).micros.tolist() == expected


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(["America/New_York", "Europe/London", "Asia/Tokyo"]))
def test_wall_times_agree_with_zoneinfo(walls, name):
    zone = ZoneInfo(name)
    found = parse_timestamps(pa.array([wall.isoformat() for wall in walls]), timezone=name)
    for wall, got, bad in zip(walls, found.micros.tolist(), found.invalid.tolist(), strict=True):
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        assert bad == (first != second)
        assert got == (0 if bad else micros(first))


@given(st.text(alphabet="0129-/T:+Z. ,", max_size=28))
def test_anything_goes_without_an_error_and_dates_that_pass_are_real(text):
    found = parse_timestamps(pa.array([text]))
    assert int(found.missing[0]) + int(found.invalid[0]) <= 1
    assert bool(found.missing[0]) == (text == "")
    if not (found.missing[0] or found.invalid[0]) and len(text) >= 16 and text[4] in "-/":
        standard = text.replace("/", "-").replace(",", ".")
        assert int(found.micros[0]) == micros(_standard(standard))


def _standard(text):
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@given(st.integers(-(10**17) + 1, 10**17 - 1))
def test_numbers_and_their_text_agree(value):
    expected = parse_timestamps(pa.array([str(value)]))
    found = parse_timestamps(pa.array([value], pa.int64()))
    assert found.micros.tolist() == expected.micros.tolist()
    assert found.invalid.tolist() == expected.invalid.tolist()


@pytest.mark.parametrize("digits", [1, 3, 6])
@given(st.data())
def test_floating_seconds_keep_their_printed_microseconds(digits, data):
    units = data.draw(st.integers(-(4 * 10**9) * 10**digits, 4 * 10**9 * 10**digits))
    value = units / 10**digits
    if value % 1 == 0 and 1e7 <= value < 1e8:
        return  # may be a date of eight digits
    found = parse_timestamps(pa.array([value]))
    assert found.micros.tolist() == [units * 10 ** (6 - digits)]
    assert found.truncated == 0
