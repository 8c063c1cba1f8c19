"""`memori eval recall`: loads conversations as memories, asks questions, and measures what comes back.

Everything goes through the public HTTP API.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from memori_cli.evaluation import charts, loading, plot, report
from memori_cli.evaluation.ablation import ALONE, FULL, LEFT_OUT, Variant, ablated
from memori_cli.evaluation.clients import Clients
from memori_cli.evaluation.dataset import Dataset, DatasetError, Question, common_name, read_all
from memori_cli.evaluation.gateway import gateway
from memori_cli.evaluation.loading import Owned
from memori_cli.evaluation.metrics import CUTOFFS, Answer
from memori_cli.evaluation.options import EvaluationError, Options
from memori_cli.evaluation.report import Findings, Scope, bar
from memori_cli.local.server import LocalServerError
from memori_client import Memori, MemoriError

_MAX_QUERY_CHARS = 1_000
# Thousands of turns are no reason to call a language model that costs money.
_SETTINGS = {"MEMORI_LLM_PROVIDER": "offline"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to ask, and of whom."""

    file: str
    own: Owned
    question: Question


@dataclass(frozen=True, slots=True)
class Output:
    """How the findings are shown: a table or JSON, and charts in a folder; `name` is what the data are called there."""

    as_json: bool = False
    plots: Path | None = None
    name: str | None = None


def run(files: Sequence[Path], *, home: Path, url: str | None, options: Options, output: Output) -> int:
    """Evaluate and print; returns 0 when it could be done. Without `url` the embedded system runs meanwhile."""
    errors = Console(stderr=True, highlight=False)
    try:
        if output.plots:
            charts.prepare(output.plots)
        datasets = read_all(files)
        for dataset in datasets:
            for warning in report.warnings(dataset):
                errors.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
        with gateway(url, home, errors, _SETTINGS) as base_url, Memori(base_url, token=options.token) as memori:
            findings = evaluate(memori, datasets, options)
        (report.print_json if output.as_json else report.print_tables)(findings)
        if output.plots:
            name = output.name or common_name([dataset.name for dataset in datasets])
            for path in plot.write(findings.ablation, output.plots, name=name, scope=findings.scope):
                errors.print(f"wrote {path}", style="dim", markup=False, soft_wrap=True)
    except (DatasetError, EvaluationError, MemoriError, LocalServerError) as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    return 0


def evaluate(memori: Memori, datasets: Sequence[Dataset], options: Options) -> Findings:
    """Load, wait until every memory is embedded, and ask each question that names evidence.

    Raises:
        EvaluationError: memories are not embedded in time.
        memori_client.MemoriError: the API refused something or cannot be reached.
    """
    conversations = [conversation for dataset in datasets for conversation in dataset.conversations]
    holders = loading.owned(memori, conversations, options)
    files = [dataset.name for dataset in datasets for _ in dataset.conversations]
    questions = [
        _Asked(file, own, question)
        for file, own in zip(files, holders, strict=True)
        for question in own.conversation.questions
        if question.evidence
    ]
    started = time.monotonic()
    with report.progress() as progress, Clients(options.clients) as clients:
        loading.load(holders, clients, progress, stall_seconds=options.stall_seconds)
        searchable_seconds = time.monotonic() - started
        advance = bar(progress, "asking", len(questions))
        answers = clients.map(lambda asked: _ask(asked, FULL, options.min_similarity, advance), questions)
        varied = _ablate(questions, clients, progress, options.min_similarity) if options.ablate else {}
    slips = [dataset.slips for dataset in datasets]
    return Findings(
        answers=answers,
        ablation=ablated({FULL: answers, **varied}) if options.ablate else [],
        scope=Scope(
            conversations=len(conversations),
            users=1 if options.token or options.together else len(conversations),
            turns=sum(len(conversation.turns) for conversation in conversations),
            skipped_turns=sum(slip.empty_turns for slip in slips),
            unread_times=sum(slip.unread_times for slip in slips),
            unknown_evidence=sum(slip.unknown_evidence for slip in slips),
            skipped_questions=sum(len(conversation.questions) for conversation in conversations) - len(questions),
            searchable_seconds=searchable_seconds,
        ),
    )


def _ablate(
    questions: Sequence[_Asked], clients: Clients, progress: Progress, min_similarity: float | None
) -> dict[Variant, list[Answer]]:
    variants = (*LEFT_OUT, *ALONE)
    # A question's variants follow each other, so that its vector is still in the cache.
    work = [(asked, variant) for asked in questions for variant in variants]
    advance = bar(progress, "ablating", len(work))
    answers = clients.map(lambda pair: _ask(*pair, min_similarity, advance), work)
    return {variant: answers[index :: len(variants)] for index, variant in enumerate(variants)}


def _ask(asked: _Asked, variant: Variant, min_similarity: float | None, advance: Callable[[int], None]) -> Answer:
    own, question = asked.own, asked.question
    fields = {} if min_similarity is None else {"min_similarity": min_similarity}
    without = {"without": variant.without} if variant.without else {}
    started = time.perf_counter()
    reply = own.memori.search(question.question[:_MAX_QUERY_CHARS], limit=max(CUTOFFS), **fields, **without)
    seconds = time.perf_counter() - started
    advance(1)
    return Answer(
        file=asked.file,
        category=question.category,
        relevant=frozenset(own.memory_id(turn_id) for turn_id in question.evidence),
        found=tuple(hit["memory_id"] for hit in reply["results"]),
        seconds=seconds,
        degraded=reply["degraded"],
    )
