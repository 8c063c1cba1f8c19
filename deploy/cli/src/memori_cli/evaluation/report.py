"""How an evaluation is shown: progress while it runs, then a table or JSON."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from memori_cli.evaluation.metrics import CUTOFFS, Answer, Quality, by_category, percentile, quality


@dataclass(frozen=True, slots=True)
class Scope:
    """What an evaluation ran over; `searchable_seconds` is the time from the first turn sent to the last embedded."""

    conversations: int
    users: int
    turns: int
    skipped_questions: int
    searchable_seconds: float


def progress() -> Progress:
    """Bars on standard error, so that standard output holds the result alone."""
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def print_table(answers: Collection[Answer], scope: Scope) -> None:
    """Print quality by category and overall, then latency and how much was degraded."""
    console = Console(highlight=False)
    table = Table("category", title="Evidence turns found", title_justify="left")
    for heading in ("questions", *(f"recall@{k}" for k in CUTOFFS), "MRR"):
        table.add_column(heading, justify="right")
    for category, measured in by_category(answers).items():
        table.add_row(escape(category), *_cells(measured))
    table.add_section()
    table.add_row("overall", *_cells(quality(answers)), style="bold")
    console.print(table)
    users = "one user" if scope.users == 1 else f"{scope.users:,} users"
    skipped = f", {scope.skipped_questions:,} questions without evidence left out" if scope.skipped_questions else ""
    console.print(
        f"{scope.turns:,} turns of {scope.conversations:,} conversations held by {users}{skipped}; "
        f"searchable after {scope.searchable_seconds:.1f} s",
        soft_wrap=True,
    )
    latency = _latency_ms(answers)
    console.print(
        f"search p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms; degraded answers {_degraded(answers):.1%}",
        soft_wrap=True,
    )


def print_json(answers: Collection[Answer], scope: Scope) -> None:
    """Print one JSON object; shares and MRR from 0 to 1, latencies in milliseconds."""
    print(
        json.dumps(
            asdict(scope)
            | {
                "overall": _as_json(quality(answers)),
                "categories": {category: _as_json(measured) for category, measured in by_category(answers).items()},
                "latency_ms": _latency_ms(answers),
                "degraded": _degraded(answers),
            },
            indent=2,
            ensure_ascii=False,
        )
    )


def _cells(measured: Quality) -> tuple[str, ...]:
    return (
        f"{measured.questions:,}",
        *(f"{100 * measured.recall[k]:.1f} %" for k in CUTOFFS),
        f"{measured.mrr:.3f}",
    )


def _as_json(measured: Quality) -> dict[str, Any]:
    recall = {f"recall@{k}": share for k, share in measured.recall.items()}
    return {"questions": measured.questions, **recall, "mrr": measured.mrr}


def _latency_ms(answers: Collection[Answer]) -> dict[str, float]:
    milliseconds = [1000 * answer.seconds for answer in answers]
    return {"p50": percentile(milliseconds, 0.5), "p95": percentile(milliseconds, 0.95)}


def _degraded(answers: Collection[Answer]) -> float:
    return sum(answer.degraded for answer in answers) / len(answers)
