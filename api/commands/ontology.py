"""`jingwei ontology check | docs | diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.opening import JsonOption, OntologyOption, settings_of, show
from kg.errors import QueryError

if TYPE_CHECKING:
    from kg.schema.types import Schema

app = typer.Typer(help="Check, document and compare ontologies. 本体工具。", no_args_is_help=True)

Files = Annotated[list[Path] | None, typer.Argument(help="Turtle files or folders, after those shipped.")]
Alone = Annotated[bool, typer.Option("--alone", help="Without the modules that ship with Jingwei.")]


@app.command()
def check(files: Files = None, alone: Alone = False, json: JsonOption = False) -> None:
    """Say what must be mended before the modules compile; exit code 1 where something must. 校验本体。"""
    from kg.schema.check_files import check as check_files

    problems = check_files(files or [], shipped=not alone)
    if problems:
        if json:
            found = [
                {"file": p.file, "line": p.line, "subject": p.subject, "message": p.message, "remedy": p.remedy}
                for p in problems
            ]
            show({"problems": found})
        for problem in () if json else problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1)
    from api.graphql.schema import GraphQLApi

    schema = _compiled(files or [], alone=alone)
    GraphQLApi(schema)  # names that GraphQL cannot tell apart
    if json:
        show({"problems": [], "hash": schema.hash})
        return
    typer.echo(
        f"{len(schema.classes)} classes, {len(schema.relations)} relations, "
        f"{len(schema.schemes)} identifier schemes; hash {schema.hash[:12]}"
    )


@app.command()
def docs(
    ontology: OntologyOption = None,
    language: Annotated[str, typer.Option("--language", help="en or zh.")] = "en",
    module: Annotated[list[str] | None, typer.Option("--module", help="Only this module; may be repeated.")] = None,
) -> None:
    """Print the ontology as Markdown. 输出本体文档。"""
    from kg.schema.compile import load_schema
    from kg.schema.document import document
    from kg.schema.problems import suggestion

    if language not in {"en", "zh"}:
        raise QueryError("There is no such language", field="--language", value=language, remedy="Say en or zh.")
    settings = settings_of(None, ontology)
    schema = load_schema(settings.ontology, settings.cache_dir)
    modules = sorted({cls.module for cls in schema.classes.values()})
    for name in module or ():
        if name not in modules:
            raise QueryError(
                "No class is of this module", field="--module", value=name,
                remedy=suggestion(name, modules) or f"There are: {', '.join(modules)}.",
            )  # fmt: skip
    typer.echo(document(schema, language, module))


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Turtle file or folder as it was.", exists=True)],
    after: Annotated[Path, typer.Argument(help="As it is to be.", exists=True)],
    alone: Alone = False,
    json: JsonOption = False,
) -> None:
    """Say what a change breaks for stored data and for API users, worst first. 比较两版本体。"""
    from kg.schema.difference import diff as differences

    changes = differences(_compiled([before], alone=alone), _compiled([after], alone=alone))
    if json:
        show([{name: str(getattr(c, name)) for name in c.__slots__} for c in changes])
        return
    for change in changes:
        typer.echo(str(change))
    if not changes:
        typer.echo("They mean the same.")


def _compiled(paths: list[Path], *, alone: bool) -> Schema:
    from kg.schema.compile import compile_schema

    return compile_schema(paths, shipped=not alone)
