# ruff: noqa: E501  a table reads better unbroken
"""Bad files of rows and of places."""

from __future__ import annotations

from kg.testing.files import dbf, point, shp, workbook, zipped
from tests.bad_inputs.case import Case

FIRMS = ("load", "firms.csv", "--class", "Enterprise", "--source", "registry")
USCC = "91999999MA00000079"


def rows(name: str, text: str | bytes, *more: str, **rest: object) -> Case:
    return Case(name, (*FIRMS, *more), files={"firms.csv": text}, **rest)  # type: ignore[arg-type]


def mapped(
    name: str, mapping: str, text: str = f"代码,名称,资本\n{USCC},云栖示例材料有限公司,120\n", **rest: object
) -> Case:
    return Case(
        name,
        ("load", "firms.csv", "--mapping", "firms.yaml"),
        files={"firms.yaml": mapping, "firms.csv": text},
        **rest,  # type: ignore[arg-type]
    )


def places(name: str, text: str, *more: str, **rest: object) -> Case:
    return Case(name, ("load", "plots.geojson", "--class", "Plot", *more), files={"plots.geojson": text}, **rest)  # type: ignore[arg-type]


def feature(geometry: str, name: str = "地块 1") -> str:
    return f'{{"type": "FeatureCollection", "features": [{{"type": "Feature", "properties": {{"name": "{name}"}}, "geometry": {geometry}}}]}}'


CELLS = (
    rows("a wrong checksum", "id,name,uscc\nf1,云栖示例材料有限公司,91999999MA00000078\n"),
    rows("a code that a spreadsheet made a number", "id,name,uscc\nf1,云栖示例材料有限公司,9.19999E+17\n"),
    rows("a code with a character too few", "id,name,uscc\nf1,云栖示例材料有限公司,91999999MA0000007\n"),
    rows("a date that is not", "id,name,establishedOn\nf1,云栖示例材料有限公司,2023-02-30\n"),
    rows("a month that is not", "id,name,establishedOn\nf1,云栖示例材料有限公司,2023年13月\n"),
    rows("a date of two meanings", "id,name,establishedOn\nf1,云栖示例材料有限公司,03/04/2023\n"),
    rows("a word for a number", "id,name,registeredCapital\nf1,云栖示例材料有限公司,面议\n"),
    rows("a number beyond its bound", "id,name,rdRatio\nf1,云栖示例材料有限公司,140\n"),
    rows("a negative number of people", "id,name,employees\nf1,云栖示例材料有限公司,-3\n"),
    rows("half a person", "id,name,employees\nf1,云栖示例材料有限公司,3.5\n"),
    rows("a number of a hundred digits", "id,name,employees\nf1,云栖示例材料有限公司," + "9" * 100 + "\n"),
    rows("a number beyond all bounds", "id,name,registeredCapital\nf1,云栖示例材料有限公司,1e999\n"),
    rows("a day as a spreadsheet counts it", "id,name,establishedOn\nf1,云栖示例材料有限公司,45413\n"),
    rows("a value outside its list", "id,name,status\nf1,云栖示例材料有限公司,OPEN\n"),
    rows("nothing to know a row by", "name,employees\n,12\n"),
    rows(
        "one key twice, with two meanings",
        "id,name,employees\nf1,云栖示例材料有限公司,10\nf1,云栖示例材料有限公司,20\n",
    ),
)
TEXTS = (
    rows("an empty file", ""),
    rows("a binary file called .csv", b"PK\x03\x04" + bytes(range(256)), shown="bytes of a zip"),
    rows("two columns of one name", "name,name\na,b\n"),
    rows("merged cells in the header", "企业,,员工数\n甲,乙,3\n"),
    rows("rows of another width", "id,name\nf1,甲,3\nf2,乙\n"),
    rows("a quote that is never closed", 'id,name\nf1,"甲\nf2,乙\n'),
    rows("a NUL", "id,name\nf1,甲\0\n", shown="id,name\nf1,甲   (and a byte of zero)"),
    rows(
        "two encodings in one file",
        b"id,name\n" + "".join(f"a{i},云栖示例公司{i}\n" for i in range(20)).encode() + "f1,长江\n".encode("gb18030"),
        shown="20 rows of UTF-8, then one of GB18030",
    ),
    rows(
        "an encoding that it is not",
        "id,name\nf1,云栖\n".encode("gb18030"),
        "--encoding",
        "utf-8",
        shown="id,name\nf1,云栖   (GB18030)",
    ),
    rows(
        "a line of many megabytes",
        "id,name\nf1," + "甲" * 6_000_000 + "\nf2,云栖示例材料有限公司\n",
        shown="id,name\nf1,甲甲甲…   (six million times)\nf2,云栖示例材料有限公司",
    ),
    Case("a folder", ("load", ".", "--class", "Enterprise")),
    Case("no such file", ("load", "none.csv", "--class", "Enterprise")),
    Case("a format that is not read", ("load", "firms.pdf", "--class", "Enterprise"), files={"firms.pdf": b"%PDF-1.7"}),
    Case(
        "a line that is no JSON",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": '{"id": "f1", "name": "甲"}\n{"id": \n'},
    ),
    Case(
        "a line that is a list",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": '{"id": "f0", "name": "乙"}\n["f1", "甲"]\n'},
    ),
    Case(
        "a key twice in one object",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": '{"id": "f0", "name": "丙"}\n{"id": "f1", "name": "甲", "name": "乙"}\n'},
    ),
    Case(
        "a number in JSON that 64 bits do not hold",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": '{"id": "f0", "name": "丙"}\n{"id": "f1", "name": "甲", "备注": 99999999999999999999}\n'},
    ),
    Case(
        "half a surrogate pair",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": '{"id": "f0", "name": "丙"}\n{"id": "f1", "name": "\\ud800"}\n'},
    ),
    Case(
        "not one line that can be read",
        ("load", "a.jsonl", "--class", "Enterprise"),
        files={"a.jsonl": "名称: 甲\n名称: 乙\n"},
    ),
    Case(
        "a code in a workbook that is a number",
        ("load", "a.xlsx", "--class", "Enterprise"),
        files={"a.xlsx": workbook({"表": [["统一社会信用代码", "企业名称"], [9.13e17, "云栖示例材料有限公司"]]})},
        shown="统一社会信用代码 | 企业名称\n        9.13E+17 | 云栖示例材料有限公司",
    ),
    Case(
        "a sum below a table",
        ("load", "a.xlsx", "--class", "Enterprise"),
        files={
            "a.xlsx": workbook(
                {"表": [["统一社会信用代码", "资本(万元)"], [None, "注册资本"], [USCC, 1200], ["合计", 1200]]},
                ["A1:A2"],
            )
        },
        shown="统一社会信用代码   | 资本(万元)\n                   | 注册资本\n91999999MA00000079 | 1200\n合计               | 1200",
    ),
    Case("a workbook that is not one", ("load", "a.xlsx", "--class", "Enterprise"), files={"a.xlsx": "name\n甲\n"}),
    Case(
        "a workbook cut off",
        ("load", "a.xlsx", "--class", "Enterprise"),
        files={"a.xlsx": workbook({"表": [["name"], ["甲"]]})[:700]},
        shown="the first 700 bytes of a workbook",
    ),
    Case(
        "a sheet that is not there",
        ("load", "a.xlsx", "--class", "Enterprise", "--layer", "企业"),
        files={"a.xlsx": workbook({"表一": [["name"], ["甲"]], "表二": [["name"], ["甲"]]})},
        shown="sheets 表一, 表二",
    ),
    Case(
        "a workbook of the old format",
        ("load", "a.xls", "--class", "Enterprise"),
        files={"a.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)},
        shown="the first bytes of an .xls",
    ),
)
MAPPINGS = (
    Case(
        "a class that is not", ("load", "firms.csv", "--class", "Enterprize"), files={"firms.csv": "id,name\nf1,甲\n"}
    ),
    Case("neither class nor mapping", ("load", "firms.csv"), files={"firms.csv": "id,name\nf1,甲\n"}),
    mapped("a mapping that is no YAML", "class: [Enterprise\n"),
    mapped("a word that mappings do not know", "class: Enterprise\ncolums: {名称: name}\n"),
    mapped("a column that the file lacks", "class: Enterprise\nid: 代码\ncolumns: {名称: name, 曾用名: formerNames}\n"),
    mapped("a property that the class lacks", "class: Enterprise\nid: 代码\ncolumns: {名称: nmae}\n"),
    mapped(
        "a unit of another kind",
        "class: Enterprise\nid: 代码\ncolumns: {名称: name, 资本: {property: registeredCapital, unit: 平方米}}\n",
    ),
    mapped(
        "a relation between the wrong classes",
        "class: Enterprise\nid: 代码\ncolumns: {名称: name}\nrelations:\n  - {relation: installedAt, to: {scheme: uscc, column: 代码}}\n",
    ),
    mapped(
        "somebody whom nobody knows",
        "class: Enterprise\nid: 代码\ncolumns: {名称: name}\nrelations:\n  - {relation: suppliedBy, to: {scheme: uscc, column: 供应商}}\n",
        f"代码,名称,供应商\nf1,云栖示例材料有限公司,{USCC}\n",
    ),
    mapped(
        "an end before its beginning",
        "class: Enterprise\nid: 代码\ncolumns: {名称: name}\nvalid: {from: 起, to: 止}\n",
        "代码,名称,起,止\nf1,云栖示例材料有限公司,2025-05-01,2024-05-01\n",
    ),
    mapped(
        "an area that lies in itself",
        "class: AdministrativeArea\ncolumns: {代码: adcode, 名称: name}\nrelations:\n  - {relation: locatedIn, to: {scheme: adcode, column: 上级}}\n",
        "代码,名称,上级\n310000,上海市,310115\n310115,浦东新区,310000\n",
    ),
    mapped(
        "an unknown identifier scheme",
        "class: Enterprise\nid: 代码\ncolumns: {名称: name}\nrelations:\n  - {relation: suppliedBy, to: {scheme: duns, column: 代码}}\n",
    ),
)
SQUARE = [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)]
SHP = shp(1, [point(121.6, 31.2)])
DBF = dbf((("name", "C", 40),), [("地块 1",)], "utf-8")
METRES = shp(1, [point(40_361_000.0, 3_453_000.0)])
PLACES = (
    places("a coordinate that is no number", feature('{"type": "Point", "coordinates": [NaN, 31.2]}')),
    places("a coordinate beyond the globe", feature('{"type": "Point", "coordinates": [121.6, 231.2]}')),
    places("latitude before longitude", feature('{"type": "Point", "coordinates": [31.2, 121.6]}')),
    places(
        "a ring that crosses itself",
        feature(
            '{"type": "Polygon", "coordinates": [[[121.6, 31.2], [121.7, 31.3], [121.7, 31.2], [121.6, 31.3], [121.6, 31.2]]]}'
        ),
    ),
    places("a kind of geometry that is not", feature('{"type": "Circle", "coordinates": [121.6, 31.2]}')),
    places(
        "GeoJSON cut off after a feature",
        feature('{"type": "Point", "coordinates": [121.6, 31.2]}')[:-2] + ', {"type": "Feature", "properties": {"na',
    ),
    places("GeoJSON cut off", feature('{"type": "Point", "coordinates": [121.6, 31.2]}')[:-30]),
    places("JSON that is no GeoJSON", '{"plots": []}'),
    places("metres that declare nothing", feature('{"type": "Point", "coordinates": [361000, 3453000]}')),
    places(
        "a reference system that is not",
        feature('{"type": "Point", "coordinates": [121.6, 31.2]}'),
        "--crs",
        "EPSG:999999",
    ),
    places(
        "metres said to be degrees",
        feature('{"type": "Point", "coordinates": [361000, 3453000]}'),
        "--crs",
        "EPSG:4326",
    ),
    Case(
        "a shapefile without its system",
        ("load", "a.zip", "--class", "Plot"),
        files={"a.zip": zipped({"a.shp": METRES, "a.dbf": DBF})},
        shown="a.shp and a.dbf, no a.prj",
    ),
    Case(
        "a shapefile without its table", ("load", "a.shp", "--class", "Plot"), files={"a.shp": SHP}, shown="a.shp alone"
    ),
    Case(
        "a table cut off",
        ("load", "a.shp", "--class", "Plot"),
        files={"a.shp": SHP, "a.dbf": DBF[:-20]},
        shown="a.dbf without its last 20 bytes",
    ),
    Case(
        "shapes cut off",
        ("load", "a.shp", "--class", "Plot"),
        files={"a.shp": SHP[:-10], "a.dbf": DBF},
        shown="a.shp without its last 10 bytes",
    ),
    Case(
        "a zip cut off",
        ("load", "a.zip", "--class", "Plot"),
        files={"a.zip": zipped({"a.shp": SHP, "a.dbf": DBF})[:-40]},
        shown="a zip without its last 40 bytes",
    ),
    Case(
        "a zip of two layers",
        ("load", "a.zip", "--class", "Plot"),
        files={"a.zip": zipped({"a.shp": SHP, "a.dbf": DBF, "b.shp": SHP, "b.dbf": DBF})},
        shown="a.shp, a.dbf, b.shp, b.dbf",
    ),
    Case(
        "a zip that swells",
        ("load", "a.zip", "--class", "Plot"),
        files={"a.zip": zipped({"a.shp": bytes(100_000_000), "a.dbf": DBF})},
        shown="100 MB of zeros in 100 kB",
    ),
    Case("a GeoPackage that is not one", ("load", "a.gpkg", "--class", "Plot"), files={"a.gpkg": "no database"}),
)
