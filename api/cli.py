"""The command `jingwei`."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from api.commands import asking, changing, demo, mapping, ml, ontology, review, stores
from kg.errors import JingweiError

app = typer.Typer(
    name="jingwei",
    help="A spatiotemporal knowledge graph of a park or city. 经纬：园区与城市的时空知识图谱。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    stores.init,
    changing.load,
    asking.query,
    asking.serve,
    demo.demo,
    asking.key,
    stores.export,
    stores.backup,
    stores.restore,
    stores.copy,
    stores.check,
    stores.runs,
    changing.retract,
    changing.erase,
    changing.prune,
):
    app.command()(command)
app.add_typer(ontology.app, name="ontology")
app.add_typer(mapping.app, name="mapping")
app.add_typer(ml.app, name="ml")
app.add_typer(review.app, name="review")


def _version(wanted: bool) -> None:  # typer's callback signature
    if wanted:
        from importlib.metadata import version

        typer.echo(f"jingwei {version('jingwei')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """A spatiotemporal knowledge graph of a park or city. 经纬：园区与城市的时空知识图谱。"""


def collect_rarely() -> None:
    """Look for reference cycles less often: rows are many and have none, and the default costs a load a fifth."""
    gc.set_threshold(100_000, 20, 50)


def main() -> None:
    """Run a command: exit code 0 done, 1 refused or failed (one line on standard error), 2 wrong usage."""
    collect_rarely()
    try:
        app()
    except JingweiError as error:
        sys.stderr.write(f"jingwei: {error.code}: {error}\n")
        raise SystemExit(1) from None
    except BrokenPipeError:
        # Who read the output has gone: the exit code of a program that SIGPIPE ended.
        sys.stderr.close()
        raise SystemExit(141) from None


if __name__ == "__main__":
    main()
