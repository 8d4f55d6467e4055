"""`jingwei ontology check | docs | diff`."""

from __future__ import annotations

from pathlib import Path  # typer reads the annotations
from typing import Annotated

import typer

from api.commands.opening import JsonOption, show

app = typer.Typer(help="Check, document and compare ontologies. 本体工具。", no_args_is_help=True)

Files = Annotated[list[Path] | None, typer.Argument(help="Turtle files or folders, after those shipped.")]


@app.command()
def check(files: Files = None, json: JsonOption = False) -> None:
    """Compile the modules and say what must be mended; exit code 1 where something must. 校验本体。"""
    from kg.schema.compile import compile_files, read_files

    schema, problems = compile_files(read_files(files))
    if json:
        show({"problems": [str(p) for p in problems], "hash": schema.hash if schema else None})
    else:
        for problem in problems:
            typer.echo(str(problem), err=True)
    if schema is None:
        raise typer.Exit(1)
    from api.graphql.schema import GraphQLApi

    GraphQLApi(schema)  # names that GraphQL cannot tell apart
    if not json:
        typer.echo(
            f"{len(schema.classes)} classes, {len(schema.relations)} relations, "
            f"{len(schema.schemes)} identifier schemes; hash {schema.hash[:12]}"
        )
