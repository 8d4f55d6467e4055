"""Every format reads its good files, and says of its bad ones what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kg.errors import LoadError
from kg.model.records import BadRow, Record
from kg.testing.files import dbf, geopackage, parts, point, shp, workbook, zipped
from loaders.registry import FORMATS, Format, OpenOptions, format_of, open_table

ROOT = Path(__file__).parents[2]
NAMES = "名称,数量\n中芯,3\n长江存储,12\n"
BOTH: dict[int, dict[str, object]] = {2: {"名称": "中芯", "数量": "3"}, 3: {"名称": "长江存储", "数量": "12"}}
TRADITIONAL = "名稱,數量\n臺灣積體電路製造,3\n聯華電子,12\n國際貿易公司的發展與經營,8\n"
SIMPLIFIED = "名称,数量\n上海集成电路制造有限公司,3\n张江高科技园区开发,12\n"


@dataclass(frozen=True, slots=True)
class Good:
    """`records`: row → values."""

    name: str
    content: bytes
    records: dict[int, dict[str, object]]
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Bad:
    """`error`: part of the LoadError. Else `rows` says what is wrong in which row, and `good` rows are still read."""

    name: str
    content: bytes
    error: str = ""
    rows: tuple[tuple[int, str], ...] = ()
    good: tuple[int, ...] = ()


FIELDS = (("名称", "C", 40), ("n", "N", 5))
ROWS = (("上海集成电路制造有限公司", "007"), ("张江高科技园区开发", ""))
POINTS = shp(1, [point(121.6, 31.2), point(121.61, 31.21)])
SQUARE = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)]
HOLE = [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (1.0, 1.0)]
AWAY = [(9.0, 9.0), (9.0, 10.0), (10.0, 10.0), (9.0, 9.0)]
READ: dict[int, dict[str, object]] = {
    1: {"名称": ROWS[0][0], "n": "007", "geometry": {"type": "Point", "coordinates": [121.6, 31.2]}},
    2: {"名称": ROWS[1][0], "geometry": {"type": "Point", "coordinates": [121.61, 31.21]}},
}
FIRMS: list[list[object]] = [
    ["名称", "代码", "人数", "成立"],
    ["中芯", "007", 35, (45413,)],
    [],
    ["长江", None, 1.5, (45413.5,)],
]
UTF8, GB = dbf(FIELDS, ROWS, "utf-8"), dbf(FIELDS, ROWS, "gb18030")
PLACED: dict[int, dict[str, object]] = {
    1: {"fid": 1, "name": "a", "geometry": {"type": "Point", "coordinates": [121.6, 31.2]}},
    2: {"fid": 2, "name": "b"},
}
FACES = {
    "a.shp": shp(5, [parts(5, [SQUARE, HOLE, AWAY]), b"\0" * 4]),
    "a.dbf": dbf(FIELDS[1:], [["1"], ["2"]], "utf-8"),
}
COORDINATES = [[[list(p) for p in ring] for ring in face] for face in ([SQUARE, HOLE], [AWAY])]
# FORMATS is walked against this table.
SAMPLES: dict[str, tuple[tuple[Good, ...], tuple[Bad, ...]]] = {
    "csv": (
        (
            Good("plain.csv", NAMES.encode(), BOTH, "utf-8"),
            Good("mark.csv", b"\xef\xbb\xbfname;n\r\na;1\r\n", {2: {"name": "a", "n": "1"}}, "semicolon"),
            Good("bars.txt", b"name|n\na|1\nb|2\n", {2: {"name": "a", "n": "1"}, 3: {"name": "b", "n": "2"}}, "bar"),
            Good(
                "quoted.csv", b'name,note\na,"one, two"\nb,"line 1\nline 2"\nc,"say ""hi"""\n',
                {
                    2: {"name": "a", "note": "one, two"}, 3: {"name": "b", "note": "line 1\nline 2"},
                    5: {"name": "c", "note": 'say "hi"'},
                },
            ),
            Good("zeros.csv", b"id,n\n007,\n\n,,\n", {2: {"id": "007"}}),
            Good(
                "gb.csv", SIMPLIFIED.encode("gb18030"),
                {
                    2: {"名称": "上海集成电路制造有限公司", "数量": "3"},
                    3: {"名称": "张江高科技园区开发", "数量": "12"},
                }, "gb18030",
            ),
            Good(
                "big5.csv", TRADITIONAL.encode("big5"),
                {
                    2: {"名稱": "臺灣積體電路製造", "數量": "3"}, 3: {"名稱": "聯華電子", "數量": "12"},
                    4: {"名稱": "國際貿易公司的發展與經營", "數量": "8"},
                }, "big5",
            ),
            Good("wide.csv", NAMES.encode("utf-16"), BOTH, "utf-16"),
            Good("mac.csv", b"name,n\ra,1\rb,2\r", {2: {"name": "a", "n": "1"}, 3: {"name": "b", "n": "2"}}),
            Good("inches.csv", b'name,size\npipe 5",3\n', {2: {"name": 'pipe 5"', "size": "3"}}),
        ),
        (
            Bad("empty.csv", b"", "empty"),
            Bad("binary.csv", b"PK\x03\x04" + bytes(range(256)), "binary"),
            Bad("twice.csv", b"name,name\na,b\n", "Two columns are called name"),
            Bad("merged.csv", "企业,,数量\na,b,c\n".encode(), "Column 2 has no name"),
            Bad("header.csv", b'"name,n\na,1\n', "column names cannot be read"),
            Bad(
                "ragged.csv", b"a,b\n1,2\n1\n1,2,3\n3,4\n",
                rows=((3, "1 values for 2"), (4, "3 values for 2")), good=(2, 5),
            ),
            Bad("quote.csv", b'a,b\n1,"2\n3,4\n5,6\n', rows=((2, "never closed"),), good=(3, 4)),
            Bad("quotes.csv", b'a,b\n1,"2\n3,4\n5,"x"\n', rows=((2, "quote"),), good=(3, 4)),
            Bad("behind.csv", b'a,b\n1,"2"x\n3,4\n', rows=((2, "closing quote"),), good=(3,)),
            Bad("nul.csv", b"a,b\n1,2\0\n3,4\n", rows=((2, "NUL"),), good=(3,)),
            Bad(
                "mixed.csv", "名称,数量\n中芯,3\n".encode() * 20 + "长江,4\n".encode("gb18030"),
                rows=((41, "mixed encodings"),), good=(2, *range(3, 41)),
            ),
        ),
    ),
    "tsv": (
        (Good("plain.tsv", b"name\tnote\na\tx,y\n", {2: {"name": "a", "note": "x,y"}}, "tab"),),
        (
            Bad("empty.tsv", b"\n\n", "empty"),
            Bad("twice.tsv", b"a\ta\n1\t2\n", "Two columns"),
            Bad("ragged.tsv", b"a\tb\n1\n2\t3\n", rows=((2, "1 values for 2"),), good=(3,)),
        ),
    ),
    "excel": (
        (
            Good(
                "plain.xlsx",
                workbook({"企业": FIRMS}),
                {
                    2: {"名称": "中芯", "代码": "007", "人数": 35, "成立": "2024-05-01"},
                    4: {"名称": "长江", "人数": 1.5, "成立": "2024-05-01T12:00:00"},
                },
                "sheet 企业",
            ),
            Good(
                "two rows.xlsx",
                workbook(
                    {
                        "表": [
                            ["企业名单", None, None, None], ["名称", "联系", None, "区"], [None, "电话", "邮箱", None],
                            ["甲", "1", "a@b", "东"], ["乙", "2", None, None],
                        ],
                        "其他": [["x", "y"], ["1", "2"]],
                    },
                    ["A1:D1", "A2:A3", "B2:C2", "D2:D3", "D4:D5"],
                ),
                {
                    4: {"名称": "甲", "联系/电话": "1", "联系/邮箱": "a@b", "区": "东"},
                    5: {"名称": "乙", "联系/电话": "2", "区": "东"},
                },
                "row 2 to 3",
            ),
            Good("hidden.xlsx", workbook({"a": [["x"], ["1"]], "b": [["n"], [True]]}, hidden=["a"]), {2: {"n": True}}),
        ),
        (
            Bad("empty.xlsx", workbook({"a": []}), "sheet is empty"),
            Bad("text.xlsx", b"name,n", "no .xlsx"),
            Bad("cut.xlsx", workbook({"a": [["x", "y"]]})[:300], "no .xlsx"),
            Bad("twice.xlsx", workbook({"a": [["x", "x", "y"], ["1", "2", "3"]]}), "Two columns are called x"),
            Bad("unnamed.xlsx", workbook({"a": [["x", None, "y"], ["1", "2", "3"]]}), "Column 2 has no name"),
            Bad("other.xlsx", zipped({"a.txt": b"x"}), "no .xlsx"),
        ),
    ),
    "jsonl": (
        (
            Good(
                "plain.jsonl", '{"name": "中芯", "n": 3, "tags": ["a"]}\n\n{"name": "b", "n": null}\n'.encode(),
                {1: {"name": "中芯", "n": 3, "tags": ["a"]}, 3: {"name": "b"}},
            ),
        ),
        (
            Bad("empty.jsonl", b"\n", "empty"),
            Bad("document.jsonl", b'[\n  {"a": 1}\n]\n', "one JSON document"),
            Bad(
                "broken.jsonl", b'{"a": 1}\n{"a": \n{"a": NaN}\n{"a": 2}\n',
                rows=((2, "not JSON"), (3, "not JSON")), good=(1, 4),
            ),
            Bad("list.jsonl", b'{"a": 1}\n[1]\n', rows=((2, "no object"),), good=(1,)),
            Bad(
                "twice.jsonl", b'{"a": 1, "b": {"a": 2}}\n{"a": 1, "a": 2}\n', rows=((2, "two values are called 'a'"),),
                good=(1,),
            ),
        ),
    ),
    "geojson": (
        (
            Good(
                "plain.geojson",
                b'{"type": "FeatureCollection", "features": [\n{"type": "Feature", "id": 7, "properties": '
                b'{"name": "a", "n": null}, "geometry": {"type": "Point", "coordinates": [121.6, 31.2]}},\n'
                b'{"type": "Feature", "properties": null, "geometry": null}]}',
                {1: {"name": "a", "id": "7", "geometry": {"type": "Point", "coordinates": [121.6, 31.2]}}, 2: {}},
            ),
            Good("none.json", b' {"features": [], "type": "FeatureCollection"} ', {}),
        ),
        (
            Bad("empty.geojson", b" ", "empty"),
            Bad("list.geojson", b"[]", "no GeoJSON object"),
            Bad("alone.geojson", b'{"type": "Point", "coordinates": [1, 2]}', "no `features`"),
            Bad("cut.geojson", b'{"features": [{"type": "Feature", "properties": {"a": ', "damaged"),
            Bad("comma.geojson", b'{"features": [{"type": "Feature"} {"type": "Feature"}]}', "damaged"),
            Bad(
                "kinds.geojson", b'{"features": [{"type":"Point"},{"type":"Feature"}]}',
                rows=((1, "not a Feature"),), good=(2,),
            ),
        ),
    ),
    "shapefile": (
        (
            Good("utf8.zip", zipped({"a.shp": POINTS, "a.dbf": UTF8, "a.cpg": b"UTF-8"}), READ, ".cpg"),
            Good("gb.zip", zipped({"d/a.shp": POINTS, "d/a.dbf": GB}), READ, "gb18030 decodes 100%"),
            Good("language.zip", zipped({"a.SHP": POINTS, "a.dbf": dbf(FIELDS, ROWS, "gbk", 0x4D)}), READ, "0x4d"),
            Good(
                "holes.zip", zipped(FACES),
                {1: {"n": "1", "geometry": {"type": "MultiPolygon", "coordinates": COORDINATES}}, 2: {"n": "2"}},
            ),
        ),
        (
            Bad("cut.zip", zipped({"a.shp": POINTS, "a.dbf": UTF8})[:200], "damaged: the zip"),
            Bad("two.zip", zipped({"a.shp": POINTS, "b.shp": POINTS}), "no layer, or several"),
            Bad("half.zip", zipped({"a.shp": POINTS}), "The .dbf is missing"),
            Bad("short.zip", zipped({"a.shp": POINTS[:-9], "a.dbf": UTF8}), "bytes of"),
            Bad("dbf.zip", zipped({"a.shp": POINTS, "a.dbf": UTF8[:-30]}), "the .dbf has"),
            Bad("not.shp", b"hello", "is missing"),
            Bad(
                "kind.zip", zipped({"a.shp": shp(31, [b"\x1f\0\0\0", point(1, 2)]), "a.dbf": UTF8}),
                rows=((1, "shape type 31"),), good=(2,),
            ),
        ),
    ),
    "geopackage": (
        (Good("plain.gpkg", b"", PLACED),),
        (
            Bad("empty.gpkg", b"", "no GeoPackage"),
            Bad("text.gpkg", b"hello, this is a text and no database at all", "no GeoPackage"),
            Bad("other.gpkg", b"SQLite format 3\0" + b"\0" * 200, "no GeoPackage"),
        ),
    ),
}  # fmt: skip

GOOD = [pytest.param(name, good, id=f"{name}-{good.name}") for name, (goods, _) in SAMPLES.items() for good in goods]
BAD = [pytest.param(name, bad, id=f"{name}-{bad.name}") for name, (_, bads) in SAMPLES.items() for bad in bads]


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_every_format_has_files_and_a_row_in_the_docs(entry: Format) -> None:
    name = entry.name
    good, bad = SAMPLES.get(name, ((), ()))
    assert len(good) >= 1, f"no good file for {name} in SAMPLES"
    assert len(bad) >= 3, f"fewer than three bad files for {name} in SAMPLES"
    page = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page, f"docs/loading.md has no row for {name}"


def test_no_two_formats_share_a_name_or_an_ending() -> None:
    names = [entry.name for entry in FORMATS]
    endings = [ending for entry in FORMATS for ending in entry.endings]
    assert len(set(names)) == len(names)
    assert len(set(endings)) == len(endings)


@pytest.mark.parametrize(("name", "good"), GOOD)
def test_good_files_are_read(name: str, good: Good, tmp_path: Path) -> None:
    path = tmp_path / good.name
    if name == "geopackage":
        geopackage(path, {"places": [({"name": "a"}, "POINT (121.6 31.2)"), ({"name": "b"}, None)]})
    else:
        path.write_bytes(good.content)
    table = open_table(path, format_name=name)
    rows = list(table.rows())
    assert [row for row in rows if isinstance(row, BadRow)] == []
    assert {row.row: dict(row.values) for row in rows if isinstance(row, Record)} == good.records
    assert good.evidence in " ".join(table.evidence)
    assert [row.row for row in table.rows()] == [row.row for row in rows], "a second reading starts anew"


@pytest.mark.parametrize(("name", "bad"), BAD)
def test_bad_files_are_told_of(name: str, bad: Bad, tmp_path: Path) -> None:
    path = tmp_path / bad.name
    path.write_bytes(bad.content)
    if bad.error:
        with pytest.raises(LoadError, match=bad.error) as caught:
            list(open_table(path, format_name=name).rows())
        assert str(path) in caught.value.where
        assert caught.value.remedy
        return
    rows = list(open_table(path, format_name=name).rows())
    wrong = [row for row in rows if isinstance(row, BadRow)]
    assert [row.row for row in wrong] == [number for number, _ in bad.rows]
    for row, (_, reason) in zip(wrong, bad.rows, strict=True):
        assert reason in row.reason
        assert row.remedy
    assert tuple(row.row for row in rows if isinstance(row, Record)) == bad.good
    if "mixed" not in bad.name and name != "shapefile":
        text = bad.content.decode() if name != "geojson" else bad.content.decode().replace(":", ": ")
        assert all(row.raw and row.raw in text for row in wrong), "a bad row keeps its whole text"


def test_about_how_many_rows_there_are(tmp_path: Path) -> None:
    geopackage(tmp_path / "a.gpkg", {"places": [({"name": "a"}, "POINT (121.6 31.2)")] * 7})
    feature = '{"type": "Feature", "properties": {"name": "a"}, "geometry": null}'
    contents: dict[str, bytes] = {
        "a.csv": b"name\n" + b"a\n" * 7,
        "a.tsv": b"\nname\tn\n" + b"a\t1\n" * 7,
        "a.jsonl": b'{"name": "a"}\n' * 7,
        "a.geojson": f'{{"type": "FeatureCollection", "features": [{", ".join([feature] * 7)}]}}'.encode(),
        "a.zip": zipped({"a.shp": shp(1, [point(1, 2)] * 7), "a.dbf": dbf(FIELDS, [ROWS[0]] * 7, "utf-8")}),
        "a.xlsx": workbook({"a": [["name", "n"], *[["a", "1"]] * 7]}),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    known = {name: open_table(tmp_path / name).about() for name in (*contents, "a.gpkg")}
    assert known.pop("a.xlsx") is None, "only reading a sheet tells"
    assert set(known.values()) == {7}, known


def test_what_is_said_wins(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    path.write_bytes(NAMES.replace(",", ";").encode("gb18030"))
    table = open_table(path, OpenOptions(encoding="gb18030", separator=";"))
    assert table.columns == ("名称", "数量")
    with pytest.raises(LoadError, match="no such encoding"):
        open_table(path, OpenOptions(encoding="klingon"))


def test_the_first_other_byte_far_into_the_file_decides(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(
        b"name,n\n" + b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1\n" * 20_000 + "上海集成电路制造有限公司,3\n".encode("gb18030")
    )
    rows = list(open_table(path).rows())
    assert rows[-1] == Record(20_002, {"name": "上海集成电路制造有限公司", "n": "3"})


def test_unknown_formats_and_files(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="format is not known") as caught:
        format_of(tmp_path / "x.docx")
    assert "csv" in caught.value.remedy
    with pytest.raises(LoadError, match="no such file"):
        open_table(tmp_path / "absent.csv")
    with pytest.raises(LoadError, match="folder"):
        open_table(tmp_path)
