"""What people write in cells, and what it is read as."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from kg.ingest import dates
from kg.ingest.cells import CellError, Reading, reader
from kg.ingest.units import FACTORS, factor, split_heading
from kg.schema.types import Datatype, Label
from kg.testing.schemas import prop

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024年5月1日", "2024-05-01"),
        ("2024 年 5 月 1 日", "2024-05-01"),
        ("２０２４年５月１日", "2024-05-01"),
        ("2024/5/1", "2024-05-01"),
        ("2024.05.01", "2024-05-01"),
        ("20240501", "2024-05-01"),
        ("2024-05-01 00:00:00", "2024-05-01"),
        ("2024年5月", "2024-05"),
        ("202405", "2024-05"),
        ("2024年", "2024"),
        ("2024", "2024"),
        ("二〇二四年五月一日", "2024-05-01"),
        ("二零二四年十二月三十一日", "2024-12-31"),
        ("二〇二四年十月二十日", "2024-10-20"),
    ],
)
def test_dates_are_read(written: str, read: str) -> None:
    assert dates.date_of(written) == read


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2024-02-30", "no such day"),
        ("2024年13月1日", "no such day"),
        ("01/05/2024", "cannot be told"),
        ("45413", "day number"),
        ("2024-05-01 08:30:00", "not a date"),
        ("soon", "not a date"),
        ("", "not a date"),
    ],
)
def test_what_is_no_date_is_refused(written: str, why: str) -> None:
    with pytest.raises(dates.NoDate, match=why):
        dates.date_of(written)


@pytest.mark.parametrize(
    ("text", "hours"), [("2024-05-01", 24), ("2024-02", 29 * 24), ("2023-12", 31 * 24), ("2024", 366 * 24)]
)
def test_an_inclusive_end_is_the_next_midnight(text: str, hours: int) -> None:
    assert dates.ends(text, SHANGHAI) - dates.starts(text, SHANGHAI) == hours * 3_600_000_000


def test_a_day_begins_in_its_zone() -> None:
    assert dates.starts("1970-01-01", SHANGHAI) == -8 * 3_600_000_000
    # The clocks went forward in the night: a day of 23 hours.
    berlin = ZoneInfo("Europe/Berlin")
    assert dates.ends("2024-03-31", berlin) - dates.starts("2024-03-31", berlin) == 23 * 3_600_000_000


MONEY = prop("capital", Datatype.DOUBLE, unit="CNY")
COUNT = prop("count", Datatype.INTEGER)
AREA = prop("area", Datatype.DOUBLE, unit="m2")
RATIO = prop("ratio", Datatype.DOUBLE, unit="1")
FLAG = prop("flag", Datatype.BOOLEAN)
DAY = prop("day", Datatype.DATE)
AT = prop("at", Datatype.INSTANT)
TAGS = prop("tags", Datatype.STRING, many=True)
STATUS = prop("status", Datatype.STRING, values=("ACTIVE",), value_labels=(Label("active", "存续"),))
SHAPE = prop("shape", Datatype.GEOMETRY)


@pytest.mark.parametrize(
    ("declared", "how", "cell", "value"),
    [
        (MONEY, Reading(), "1200", 1200.0),
        (MONEY, Reading("万元"), "1,200.5", 12_005_000.0),
        (MONEY, Reading("万元"), "0.1", 1000.0),
        (MONEY, Reading("万元"), "3亿元", 300_000_000.0),
        (MONEY, Reading(), "５００万元", 5_000_000.0),
        (MONEY, Reading(), "¥1,000", 1000.0),
        (MONEY, Reading("万元"), 1.1, 11_000.0),
        (MONEY, Reading("万元"), "1e3", 10_000_000.0),
        (MONEY, Reading(), "—", None),
        (COUNT, Reading(), "35人", 35),
        (COUNT, Reading(), "1.2万", 12_000),
        (COUNT, Reading(), "-3", -3),
        (AREA, Reading("亩"), "3", 2000.0),
        (AREA, Reading(), "1.5公顷", 15_000.0),
        (RATIO, Reading(), "12.5%", 0.125),
        (RATIO, Reading("%"), "12.5", 0.125),
        (FLAG, Reading(), "是", True),
        (FLAG, Reading(), "No", False),
        (FLAG, Reading(), "", None),
        (DAY, Reading(), "2024年5月", "2024-05"),
        (AT, Reading(), "2024年5月1日8时30分", "2024-05-01T08:30:00"),
        (AT, Reading(), "2024/5/1 8:30", "2024-05-01T08:30:00"),
        (AT, Reading(), "2024-05-01T08:30:00Z", "2024-05-01T08:30:00Z"),
        (TAGS, Reading(), "a;b；c", ["a", "b", "c"]),
        (TAGS, Reading(split="、"), "a;b、c", ["a;b", "c"]),
        (TAGS, Reading(), ["a", "b"], ["a", "b"]),
        (TAGS, Reading(), " ", None),
        (STATUS, Reading(), "存续", "ACTIVE"),
        (STATUS, Reading(), "active", "ACTIVE"),
        (STATUS, Reading(words={"在业": "ACTIVE"}), "在业", "ACTIVE"),
        (STATUS, Reading(), "other", "other"),
        (SHAPE, Reading(), "POINT (121.6 31.2)", {"type": "Point", "coordinates": [121.6, 31.2]}),
        (SHAPE, Reading(), "SRID=4326;POINT (1 2)", {"type": "Point", "coordinates": [1.0, 2.0]}),
    ],
)
def test_cells_are_read(declared: object, how: Reading, cell: object, value: object) -> None:
    assert reader(declared, how)(cell) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "cell", "why"),
    [
        (MONEY, "12万美元", "no conversion from 万美元"),
        (MONEY, "$12", "no conversion"),
        (MONEY, "1,20", "not a number"),
        (MONEY, "about 12", "not a number"),
        (COUNT, "1.5", "not a whole number"),
        (AREA, "3 acres", "no conversion from acres"),
        (FLAG, "perhaps", "neither yes nor no"),
        (DAY, "01/05/2024", "cannot be told"),
        (SHAPE, "POINT (x y)", "not a geometry"),
        (SHAPE, "SRID=4549;POINT (1 2)", "SRID=4549"),
    ],
)
def test_what_can_mean_two_things_is_refused(declared: object, cell: str, why: str) -> None:
    with pytest.raises(CellError) as caught:
        reader(declared, Reading())(cell)  # type: ignore[arg-type]
    assert why in caught.value.reason
    assert caught.value.remedy


def test_headings_carry_units() -> None:
    assert split_heading("注册资本(万元)") == ("注册资本", "万元")
    assert split_heading("面积（单位：亩）") == ("面积", "亩")
    assert split_heading("名称") == ("名称", "")
    assert factor("萬", "CNY") is None
    assert all(found > 0 for table in FACTORS.values() for found in table.values())
