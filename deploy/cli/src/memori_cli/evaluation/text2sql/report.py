"""How an evaluation is shown: tables, and JSON in a file."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from memori_cli.evaluation.metrics import percentile
from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.text2sql.difficulty import DIFFICULTIES
from memori_cli.evaluation.text2sql.evaluate import Findings
from memori_cli.evaluation.text2sql.measures import Accuracy, Outcome, Taught, accuracy


def print_tables(findings: Findings) -> None:
    """Print accuracy by difficulty, what learning added, and remarks on cost and on what was left out."""
    console = Console(highlight=False)
    console.print(_by_difficulty(findings.outcomes))
    if findings.learning:
        console.print(_learning(findings.learning))
    for line in _remarks(findings):
        console.print(line, soft_wrap=True, markup=False)


def write_json(findings: Findings, path: Path) -> None:
    """Write one JSON object; shares from 0 to 1, latencies in milliseconds.

    Raises:
        EvaluationError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(as_json(findings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}") from error


def as_json(findings: Findings) -> dict[str, Any]:
    """The findings as JSON has them."""
    outcomes = findings.outcomes
    return {
        "name": findings.suite.name,
        "databases": len(findings.suite.databases),
        "unusable_questions": findings.suite.unusable,
        "models": _models(outcomes),
        "accuracy": {name: asdict(measured) for name, measured in _measured(outcomes).items()},
        "learning": [asdict(taught) for taught in findings.learning],
        "context": asdict(findings.context),
        "gold_refused_by_guard": _refused_share(findings),
        "latency_ms": _latency_ms(outcomes),
        "tokens_per_question": _mean_tokens(outcomes),
        "cost_usd": _cost(outcomes),
    }


def _by_difficulty(outcomes: Collection[Outcome]) -> Table:
    title = f"Execution accuracy of {', '.join(_models(outcomes))}"
    rows = _measured(outcomes)
    overall = rows.pop("overall")
    table = _table(title, "difficulty")
    for name, measured in rows.items():
        table.add_row(name, *_cells(measured))
    table.add_section()
    table.add_row("overall", *_cells(overall), style="bold")
    return table


def _learning(learning: Collection[Taught]) -> Table:
    table = _table("Accuracy on the other questions, after verified pairs of each database", "pairs")
    table.add_column("same SQL taught", justify="right")
    for taught in learning:
        table.add_row(str(taught.pairs), *_cells(taught.accuracy), percent(taught.same_sql))
    return table


def _table(title: str, rows: str) -> Table:
    table = Table(rows, title=title, title_justify="left")
    for heading in ("questions", "accuracy", "answered", "right of answered", "abstained"):
        table.add_column(heading, justify="right")
    return table


def _cells(measured: Accuracy) -> tuple[str, ...]:
    shares = (measured.right, measured.answered, measured.precision, measured.abstained)
    return (f"{measured.questions:,}", *map(percent, shares))


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:.1f} %"


def _remarks(findings: Findings) -> Iterator[str]:
    suite, outcomes = findings.suite, findings.outcomes
    left_out = f", {suite.unusable:,} left out because their gold SQL does not run" if suite.unusable else ""
    yield f"{len(outcomes):,} questions about {len(suite.databases)} databases{left_out}"
    yield f"gold SQL refused by the guard: {percent(_refused_share(findings))}"
    context = findings.context
    yield f"of what gold SQL reads, shown: {percent(context.tables)} of tables, {percent(context.columns)} of columns"
    if context.retrievable:
        yield (
            f"of {context.retrievable:,} questions whose SQL was taught with another, it came first for "
            f"{percent(context.first)}, among the first five for {percent(context.among_five)}"
        )
    latency, cost = _latency_ms(outcomes), _cost(outcomes)
    spent = "at prices that are not known" if cost is None else f"${cost:.2f} in all"
    yield (
        f"SQL written in p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms; "
        f"{_mean_tokens(outcomes):,.0f} tokens a question, {spent}"
    )


def _measured(outcomes: Collection[Outcome]) -> dict[str, Accuracy]:
    groups = {name: [one for one in outcomes if one.question.difficulty == name] for name in DIFFICULTIES}
    return {name: accuracy(group) for name, group in groups.items() if group} | {"overall": accuracy(outcomes)}


def _refused_share(findings: Findings) -> float:
    return len(findings.refused) / len(findings.suite.questions)


def _models(outcomes: Collection[Outcome]) -> list[str]:
    return sorted({outcome.model for outcome in outcomes})


def _latency_ms(outcomes: Collection[Outcome]) -> dict[str, float]:
    milliseconds = [1000 * outcome.seconds for outcome in outcomes]
    return {"p50": percentile(milliseconds, 0.5), "p95": percentile(milliseconds, 0.95)}


def _mean_tokens(outcomes: Collection[Outcome]) -> float:
    return sum(outcome.tokens for outcome in outcomes) / len(outcomes)


def _cost(outcomes: Collection[Outcome]) -> float | None:
    costs = [outcome.cost for outcome in outcomes]
    return None if None in costs else sum(cost for cost in costs if cost is not None)
