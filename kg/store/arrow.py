"""Scans as Arrow: one set of column types for all stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kg.errors import QueryError
from kg.query.algebra import (
    Edge,
    Edges,
    Extent,
    Field,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Time,
)
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.schema.types import Property, Schema
    from kg.store.base import Scan

_INSTANT = pa.timestamp("us", tz="UTC")
_TYPES: dict[Datatype, pa.DataType] = {
    Datatype.STRING: pa.string(),
    Datatype.BOOLEAN: pa.bool_(),
    Datatype.INTEGER: pa.int32(),
    Datatype.LONG: pa.int64(),
    Datatype.DOUBLE: pa.float64(),
    Datatype.DATE: pa.string(),
    Datatype.INSTANT: _INSTANT,
    Datatype.GEOMETRY: pa.string(),  # GeoJSON text, EPSG:4326 longitude, latitude
    Datatype.JSON: pa.string(),
    Datatype.ENTITY: pa.string(),
}


def arrow_type(declared: Property) -> pa.DataType:
    """Column type of a property; a list where it is many-valued."""
    of_one = _TYPES[declared.datatype]
    return pa.list_(of_one) if declared.many else of_one


def scan_properties(schema: Schema, scan: Scan) -> tuple[Property, ...]:
    """The properties that a scan gives, in name order. Raises QueryError for names that are not there."""
    if bool(scan.cls) == bool(scan.relation):
        raise QueryError("A scan is of a class or of a relation", remedy="Set one of `cls` and `relation`.")
    if scan.relation:
        relation = schema.relations.get(scan.relation)
        if relation is None:
            raise QueryError("Unknown relation", value=scan.relation, remedy="See `jingwei ontology docs`.")
        known = {p.name: p for p in relation.properties}
    else:
        if scan.cls not in schema.classes:
            raise QueryError("Unknown class", value=scan.cls, remedy="See `jingwei ontology docs`.")
        known = {p.name: p for name in schema.concrete(scan.cls) for p in schema.classes[name].properties}
        known |= {p.name: p for p in schema.classes[scan.cls].properties}
    if scan.properties is None:
        return tuple(known[name] for name in sorted(known))
    for name in scan.properties:
        if name not in known:
            raise QueryError("Unknown property", field=name, remedy=f"Choose among {', '.join(sorted(known))}.")
    return tuple(known[name] for name in scan.properties)


def scan_columns(schema: Schema, scan: Scan) -> pa.Schema:
    """Columns as `Scan` lists them."""
    head = [("edge", pa.string()), ("start", pa.string()), ("end", pa.string())]
    if scan.cls:
        head = [("id", pa.string()), ("class", pa.string())]
    clocks = [(n, _INSTANT) for n in ("validFrom", "validTo", "systemFrom", "systemTo")]
    names = [(p.name, arrow_type(p)) for p in scan_properties(schema, scan)]
    return pa.schema([*head, *clocks, *names])


def scan_query(schema: Schema, scan: Scan) -> Query:
    """The scan as a Query whose one root `rows` lists the rows; for stores without a faster way."""
    properties = scan_properties(schema, scan)
    if scan.relation:
        relation = schema.relations[scan.relation]
        metas: tuple[MetaName, ...] = (
            MetaName.EDGE_ID, MetaName.EDGE_START, MetaName.EDGE_END, MetaName.EDGE_VALID_FROM,
            MetaName.EDGE_VALID_TO, MetaName.EDGE_SYSTEM_FROM, MetaName.EDGE_SYSTEM_TO,
        )  # fmt: skip
        leaves = [Leaf(Meta(m)) for m in metas] + [Leaf(Edge(p.name)) for p in properties]
        source: Any = Edges(scan.relation, relation.domain)
    else:
        metas = (
            MetaName.ID, MetaName.CLASS, MetaName.VALID_FROM, MetaName.VALID_TO, MetaName.SYSTEM_FROM,
            MetaName.SYSTEM_TO,
        )  # fmt: skip
        leaves = [Leaf(Meta(m)) for m in metas] + [Leaf(Prop(p.name)) for p in properties]
        source = Extent(scan.cls)
    names = scan_columns(schema, scan).names
    obj = Obj(tuple(Field(name, leaf) for name, leaf in zip(names, leaves, strict=True)))
    select = Select(source, Rows(obj), where=scan.where)
    return Query((Root("rows", select),), now=scan.now, time=scan.time or Time())


def batch(columns: pa.Schema, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of a `scan_query` answer as one batch. Instants are ISO text there, GeoJSON and JSON are objects."""
    import orjson

    arrays = []
    for field in columns:
        values = [row[field.name] for row in rows]
        if field.type == _INSTANT:
            arrays.append(pa.array(values, pa.string()).cast(_INSTANT))
            continue
        if field.type == pa.string():
            values = [orjson.dumps(v).decode() if isinstance(v, dict | list) else v for v in values]
        arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=columns)
