"""What the terminal shows of a run: a table kept up to date, or, where nobody looks, one line a change."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipelines.targets.local import pages, records
from pipelines.targets.local.records import Observer, Record, Result

TAIL = 15
"""Lines of a failed step's log that are shown."""

WORDS = {
    records.PENDING: "waiting",
    records.RUNNING: "running",
    records.SUCCEEDED: "done",
    records.FAILED: "failed",
    records.SKIPPED: "skipped (condition)",
    records.OMITTED: "not run (failure before it)",
    records.CANCELLED: "stopped",
    records.PLANNED: "would run",
}
_COLOURS = {records.RUNNING: "cyan", records.SUCCEEDED: "green", records.FAILED: "red", records.CANCELLED: "yellow"}


def words(record: Record) -> str:
    """Returns a step's state in words."""
    if record.cached:
        return "done (kept from an earlier run)"
    again = f", attempt {record.attempts}" if record.attempts > 1 else ""
    return WORDS[record.state] + again


def seconds(record: Record) -> float:
    """Returns how long a step has run so far."""
    if record.state == records.RUNNING and record.started:
        return time.time() - record.started
    return record.seconds


def tail(log: Path | None, lines: int = TAIL) -> str:
    """Returns the last lines of a log, indented; nothing where there is none."""
    if log is None or not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 64_000))
        text = file.read().decode(errors="replace")
    return "\n".join(f"    {line}" for line in clean(text).splitlines()[-lines:])


def clean(text: str) -> str:
    """Returns a text that a step wrote without what would steer the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "·" for character in text)


class Lines:
    """One line for each step that begins or ends: ``step  state  seconds``.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def began(self, records: list[Record], place: Path | str) -> None:
        """Says where the run is."""
        print(f"run {place}", file=self.stream, flush=True)

    def changed(self, record: Record) -> None:
        """Prints the step's line."""
        said = f"  {clean(record.said)}" if record.said else ""
        print(f"{record.label}  {words(record)}  {seconds(record):.1f} s{said}", file=self.stream, flush=True)

    def ended(self) -> None:
        """Nothing more to say: the closing words are the program's."""


class Silent:
    """Shows nothing: a dry run's plan is shown when it is whole."""

    def began(self, records: list[Record], place: Path | str) -> None:
        """Shows nothing."""

    def changed(self, record: Record) -> None:
        """Shows nothing."""

    def ended(self) -> None:
        """Shows nothing."""


class LiveTable:
    """A table of all steps, redrawn in place.

    Args:
        stream: A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self._table, console=self._console, refresh_per_second=4, redirect_stdout=False
        )

    def began(self, records: list[Record], place: Path | str) -> None:
        """Shows the steps that are known."""
        self._records = {record.label: record for record in records}
        self._console.print(f"run {place}", highlight=False, soft_wrap=True)
        self._live.start()

    def changed(self, record: Record) -> None:
        """Adds the step if it is new; the table is redrawn in its own time."""
        with self._lock:
            self._records[record.label] = record

    def ended(self) -> None:
        """Draws the table a last time."""
        self._live.stop()

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("step", overflow="fold")
        table.add_column("state")
        table.add_column("seconds", justify="right")
        table.add_column("its last word", overflow="ellipsis", no_wrap=True, style="dim")
        with self._lock:
            shown = list(self._records.values())
        for record in shown:
            time_shown = f"{seconds(record):.1f}" if seconds(record) else ""
            state = Text(words(record), style=_COLOURS.get(record.state, "dim"))
            said = clean(record.said) or (tail(record.log, 1).strip() if record.state == records.RUNNING else "")
            table.add_row(Text(record.label), state, time_shown, Text(said))
        return table


def choose(stream: TextIO = sys.stderr) -> Observer:
    """Returns the live table for a terminal, lines for anything else."""
    return LiveTable(stream) if stream.isatty() else Lines(stream)


def report(result: Result) -> str:
    """Returns the closing words: what failed with the end of its log, and where everything lies."""
    parts = []
    for record in result.records:
        if record.state == records.FAILED:
            parts += [record.error, tail(record.log), f"  its whole log: {record.log}" if record.log else ""]
    links = [f"  open: {shown}" for shown, _ in pages.of(result)]
    kept = sum(record.cached for record in result.records)
    ran = sum(record.attempts > 0 for record in result.records)
    took = result.finished - result.started
    closing = (
        f"{result.pipeline}: {WORDS[result.state]} in {took:.1f} s, {ran} steps run, {kept} kept from earlier runs"
    )
    parts += [closing, *links, f"  results: {result.folder}", f"  summary: {result.folder / 'summary.json'}"]
    return "\n".join(part for part in parts if part)


def planned(result: Result) -> str:
    """Returns a dry run's plan: each step, what would happen to it, its image."""
    rows = [(record.label, words(record), record.image) for record in result.records]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"{label:{widths[0]}}  {state:{widths[1]}}  {image}".rstrip() for label, state, image in rows]
    return "\n".join([f"{result.pipeline}: nothing is started", *lines])
