"""How the demo shows what happens: steps, questions, results, checks."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

_ROWS_SHOWN = 5


class Screen:
    """Prints the story; counts what did not come out as it should."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.failures: list[str] = []
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the demo began."""
        return time.monotonic() - self._started

    def chapter(self, title: str, text: str) -> None:
        """A new part of the story."""
        self.console.print()
        self.console.print(Rule(f"[bold]{escape(title)}[/]", align="left"))
        self.console.print(f"[dim]{escape(text)}[/]")

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show progress while the block runs, and how long it took."""
        started = time.monotonic()
        with self.console.status(text):
            yield
        self.console.print(f"  [green]✓[/] {escape(text)} [dim]{time.monotonic() - started:.1f} s[/]")

    def says(self, who: str, text: str, *, kind: str = "") -> None:
        """Something a person says."""
        note = f" [dim]({escape(kind)})[/]" if kind else ""
        self.console.print(f"  [bold cyan]{escape(who)}[/]{note}: {escape(text)}")

    def note(self, text: str) -> None:
        """Something the system did."""
        self.console.print(f"    [dim]{escape(text)}[/]")

    def event(self, text: str) -> None:
        """Something a subscriber received."""
        self.console.print(f"    [magenta]◂ {escape(text)}[/]")

    def check(self, holds: bool, text: str) -> None:
        """A claim of the story, and whether it held."""
        self.console.print(f"    [green]✓ {escape(text)}[/]" if holds else f"    [red]✗ {escape(text)}[/]")
        if not holds:
            self.failures.append(text)

    def answer(self, answer: Mapping[str, Any]) -> None:
        """The SQL, what shaped it, and the first rows."""
        if answer["sql"]:
            syntax = Syntax(answer["sql"], "sql", word_wrap=True, background_color="default", theme="ansi_dark")
            subtitle = f"{answer['status']} · confidence {answer['confidence']:.2f} · {answer['model']}"
            self.console.print(Panel(syntax, subtitle=subtitle, subtitle_align="right", border_style="blue"))
        for memory in answer["memories"]:
            self.console.print(f"    [yellow]memory[/]  “{escape(memory['content'])}”")
        for rule in answer["rules"]:
            self.console.print(f"    [yellow]rule[/]    {escape(rule['rule_name'])}: {escape(rule['effect'])}")
        for pattern in answer["patterns"]:
            self.console.print(f"    [yellow]learned[/] from “{escape(pattern['question'])}” ({pattern['trust']})")
        if answer["result"]:
            self._rows(answer["result"])

    def _rows(self, result: Mapping[str, Any]) -> None:
        table = Table(*(escape(column["name"]) for column in result["columns"]), header_style="bold")
        for row in result["rows"][:_ROWS_SHOWN]:
            table.add_row(*_cells(row))
        if result["row_count"] > _ROWS_SHOWN:
            table.caption = f"{result['row_count']} rows in {result['elapsed_ms']:.1f} ms"
        self.console.print(table)


def _cells(row: Sequence[Any]) -> list[str]:
    return [f"{cell:,.2f}" if isinstance(cell, float) else escape("" if cell is None else str(cell)) for cell in row]
