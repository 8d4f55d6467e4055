"""`jingwei mapping`: help with mapping files."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import Annotated

import typer

from api.commands.opening import OntologyOption, schema_of, settings_of

app = typer.Typer(help="Mapping files: which column says what. 映射文件。", no_args_is_help=True)


@app.callback()
def mapping() -> None:
    """Mapping files: which column says what. 映射文件。"""


@app.command()
def suggest(
    file: Annotated[Path, typer.Argument(help="A file of any format that can be loaded.")],
    cls: Annotated[str, typer.Option("--class", "-c", help="What its rows are, where it is known.")] = "",
    ontology: OntologyOption = None,
    format_name: Annotated[str, typer.Option("--format", help="Where the file's ending does not tell.")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Where it is not found out rightly.")] = "",
    layer: Annotated[str, typer.Option("--layer", help="Layer of a GeoPackage, sheet of a workbook.")] = "",
) -> None:
    """Draft a mapping from column names and values, on standard output. 根据列名和取值起草映射。"""
    from kg.ingest.suggest import suggest as draft
    from loaders.registry import OpenOptions, open_table

    schema = schema_of(settings_of(None, ontology))
    found = draft(open_table(file, OpenOptions(encoding, "", layer), format_name=format_name), schema, cls)
    typer.echo(found.reason, err=True)
    typer.echo(found.text, nl=False)
