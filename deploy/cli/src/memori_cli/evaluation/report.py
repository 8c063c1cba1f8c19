"""How an evaluation is shown: progress while it runs, then tables or JSON."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from memori_cli.evaluation.ablation import COMPARED_AT, FULL, Ablated
from memori_cli.evaluation.dataset import Dataset
from memori_cli.evaluation.metrics import (
    CUTOFFS,
    Answer,
    Quality,
    by_category,
    by_file,
    degraded_share,
    percentile,
    quality,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an evaluation ran over, and how much of the data it passed over.

    `searchable_seconds` is the time from the first turn sent to the last embedded.
    """

    conversations: int
    users: int
    turns: int
    skipped_turns: int
    unread_times: int
    unknown_evidence: int
    skipped_questions: int
    searchable_seconds: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What came out: the answers of the full score, the variants if any were asked, and over what."""

    answers: Sequence[Answer]
    ablation: Sequence[Ablated]
    scope: Scope


def progress() -> Progress:
    """Bars on standard error, so that standard output holds the result alone."""
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def bar(progress: Progress, title: str, total: int) -> Callable[[int], None]:
    """Add a bar; what is returned moves it on by a number of steps."""
    task = progress.add_task(title, total=total)
    return lambda done: progress.advance(task, done)


def warnings(dataset: Dataset) -> Iterator[str]:
    """What of a file was passed over, a line for each kind of slip."""
    slips = dataset.slips
    if slips.empty_turns:
        yield f"{dataset.name}: turns without text, left out: {slips.empty_turns:,}"
    if slips.unread_times:
        such_as = f"such as {slips.unread_time!r}"
        yield f"{dataset.name}: times that name no day we can read, ignored: {slips.unread_times:,}, {such_as}"
    if slips.unknown_evidence:
        yield f"{dataset.name}: ids of evidence that name no turn, left out: {slips.unknown_evidence:,}"


def print_tables(findings: Findings) -> None:
    """Print quality by category for each file and overall, what terms contribute, latency, and what was left out."""
    console = Console(highlight=False)
    files = by_file(findings.answers)
    if len(files) > 1:
        for name, answers in files.items():
            console.print(_by_category(f"Evidence turns found: {escape(name)}", answers))
        console.print(
            _table(
                "Evidence turns found",
                "file",
                {name: quality(group) for name, group in files.items()},
                findings.answers,
            )
        )
    else:
        console.print(_by_category("Evidence turns found", findings.answers))
    if findings.ablation:
        console.print(_ablation(findings.ablation))
    for line in _remarks(findings):
        console.print(line, soft_wrap=True, markup=False)


def print_json(findings: Findings) -> None:
    """Print one JSON object; shares and MRR from 0 to 1, latencies in milliseconds."""
    files = {name: _measured(answers) for name, answers in by_file(findings.answers).items()}
    found = (
        asdict(findings.scope)
        | _measured(findings.answers)
        | {"latency_ms": _latency_ms(findings.answers), "degraded": degraded_share(findings.answers)}
        | ({"files": files} if len(files) > 1 else {})
        | ({"ablation": [_ablated_as_json(row) for row in findings.ablation]} if findings.ablation else {})
    )
    print(json.dumps(found, indent=2, ensure_ascii=False))


def _by_category(title: str, answers: Collection[Answer]) -> Table:
    return _table(title, "category", by_category(answers), answers)


def _table(title: str, groups: str, rows: dict[str, Quality], answers: Collection[Answer]) -> Table:
    table = Table(groups, title=title, title_justify="left")
    for heading in ("questions", *(f"recall@{k}" for k in CUTOFFS), "MRR"):
        table.add_column(heading, justify="right")
    for name, measured in rows.items():
        table.add_row(escape(name), f"{measured.questions:,}", *_cells(measured))
    table.add_section()
    overall = quality(answers)
    table.add_row("overall", f"{overall.questions:,}", *_cells(overall), style="bold")
    return table


def _ablation(rows: Sequence[Ablated]) -> Table:
    title = f"What the terms of the score contribute; difference in recall@{COMPARED_AT}, in points"
    table = Table("score", title=title, title_justify="left")
    for heading in (*(f"recall@{k}" for k in CUTOFFS), "MRR", "difference"):
        table.add_column(heading, justify="right")
    for row in rows:
        full = row.variant == FULL
        difference = "" if full else points(row.difference)
        table.add_row(row.variant.name, *_cells(row.overall), difference, style="bold" if full else None)
    return table


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    shown = f"{100 * difference:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


def _remarks(findings: Findings) -> Iterator[str]:
    scope = findings.scope
    users = "one user" if scope.users == 1 else f"{scope.users:,} users"
    skipped = f", {scope.skipped_questions:,} questions without evidence left out" if scope.skipped_questions else ""
    yield (
        f"{scope.turns:,} turns of {scope.conversations:,} conversations held by {users}{skipped}; "
        f"searchable after {scope.searchable_seconds:.1f} s"
    )
    latency = _latency_ms(findings.answers)
    degraded = degraded_share(findings.answers)
    yield f"search p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms; degraded answers {degraded:.1%}"
    for row in findings.ablation:
        if row.degraded and row.variant != FULL:
            yield f"{row.variant.name}: degraded answers {row.degraded:.1%}, so the row says less than it seems to"


def _cells(measured: Quality) -> tuple[str, ...]:
    return (*(f"{100 * measured.recall[k]:.1f} %" for k in CUTOFFS), f"{measured.mrr:.3f}")


def _measured(answers: Collection[Answer]) -> dict[str, Any]:
    return {"overall": _as_json(quality(answers)), "categories": _each_as_json(by_category(answers))}


def _ablated_as_json(row: Ablated) -> dict[str, Any]:
    return {
        "variant": row.variant.name,
        "without": row.variant.without,
        "overall": _as_json(row.overall),
        "categories": _each_as_json(row.categories),
        f"recall@{COMPARED_AT}_difference": row.difference,
        "degraded": row.degraded,
    }


def _each_as_json(groups: Mapping[str, Quality]) -> dict[str, Any]:
    return {name: _as_json(measured) for name, measured in groups.items()}


def _as_json(measured: Quality) -> dict[str, Any]:
    recall = {f"recall@{k}": share for k, share in measured.recall.items()}
    return {"questions": measured.questions, **recall, "mrr": measured.mrr}


def _latency_ms(answers: Collection[Answer]) -> dict[str, float]:
    milliseconds = [1000 * answer.seconds for answer in answers]
    return {"p50": percentile(milliseconds, 0.5), "p95": percentile(milliseconds, 0.95)}
