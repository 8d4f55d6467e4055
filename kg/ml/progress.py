"""A progress bar for training, where a person watches."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kg.ml.links.model import EpochReport
from kg.ml.links.model import Progress as Report

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def training_bar(label: str, *, console: "Console | None" = None) -> Iterator[Report]:
    """Gives a function to pass as ``progress`` to ``LinkModel.fit``: a bar with the loss and the MRR of valid."""
    columns = (
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[shown]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=None, shown="")
        last = ""

        def report(epoch: EpochReport) -> None:
            nonlocal last
            if epoch.valid_mrr is not None:
                last = f" · MRR of valid {epoch.valid_mrr:.4f}"
            bar.update(task, total=epoch.epochs, completed=epoch.epoch, shown=f"loss {epoch.loss:.4f}{last}")

        yield report
