"""Which models have embedded the memories: shows it, has them embedded again, deletes the vectors of older models."""

import asyncio
import time

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from contracts.embedding_worker import REEMBED, Reembedding
from contracts.identity import service_identity
from contracts.memory_store import COVERAGE, PRUNE_VECTORS, Coverage, ModelCoverage, PruneVectors
from contracts.methods import Empty, Method, ProblemError, ReplyT, RequestT
from contracts.topology import MIGRATOR
from memori_cli.operator import connected, stop
from messaging import RpcClient

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_POLL_SECONDS = 1.0
_ME = service_identity(MIGRATOR)


async def show(url: str, password: str | None) -> None:
    """Print a table of the models: how many memories each has embedded, and which of them answer queries."""
    async with connected(url, password) as rpc:
        coverage = await _ask(rpc, COVERAGE, Empty())
        worker = await _worker(rpc)
    table = Table("model", "dimensions", "memories", "share", "", title=f"{coverage.memories:,} memories to embed")
    for column in table.columns[1:4]:
        column.justify = "right"
    for found in _rows(coverage, worker):
        dimensions = str(found.dimensions) if found.dimensions else "-"
        table.add_row(
            found.model, dimensions, f"{found.memories:,}", _share(found, coverage), _state(found.model, worker)
        )
    console = Console(highlight=False)
    console.print(table)
    if worker is None:
        console.print("embedding-worker does not answer: which model is configured is not known")
    elif _covered(coverage, worker.model) < coverage.memories:
        console.print("embedding-worker is catching up: `memori embeddings reembed` shows how far it is")


async def reembed(url: str, password: str | None, *, stall_seconds: float) -> None:
    """Have the configured model embed every memory it has not, and show how far it is until it covers them all.

    Raises:
        typer.Exit: with 1, nothing was embedded for `stall_seconds`, or a service does not answer.
    """
    async with connected(url, password) as rpc:
        worker = await _worker(rpc)
        if worker is None:
            stop("embedding-worker does not answer: is it running?")
        coverage = await _ask(rpc, COVERAGE, Empty())
        if _covered(coverage, worker.model) < coverage.memories:
            coverage = await _follow(rpc, worker.model, coverage, stall_seconds)
    typer.echo(f"{worker.model} covers all {coverage.memories:,} memories")
    if any(found.model != worker.model for found in coverage.models):
        typer.echo("`memori embeddings prune` deletes the vectors of the other models")


async def prune(url: str, password: str | None, *, force: bool, yes: bool) -> None:
    """Delete the vectors of every model but the configured one, once that covers every memory, or by `force`.

    Raises:
        typer.Exit: with 1, it does not cover them all, or a service does not answer.
        typer.Abort: it was not confirmed.
    """
    async with connected(url, password) as rpc:
        worker = await _worker(rpc)
        if worker is None:
            stop("embedding-worker does not answer, so which model is configured is not known: nothing was deleted")
        coverage = await _ask(rpc, COVERAGE, Empty())
        others = [found for found in coverage.models if found.model != worker.model]
        if not others:
            typer.echo(f"there are no vectors but those of {worker.model}")
            return
        missing = coverage.memories - _covered(coverage, worker.model)
        if missing > 0 and not force:
            stop(
                f"{missing:,} of {coverage.memories:,} memories have no vectors of {worker.model} yet, and are found by"
                " those of other models only: run `memori embeddings reembed` first, or add --force"
            )
        for found in others:
            typer.echo(f"{found.model}: vectors of {found.memories:,} memories")
        if not yes:
            typer.confirm("Delete these?", abort=True)
        for found in others:
            typer.echo(f"{found.model}: {await _prune(rpc, found.model):,} vectors deleted")


async def _prune(rpc: RpcClient, model: str) -> int:
    """How many vectors of a model were deleted: all of them."""
    total = 0
    while True:
        pruned = await _ask(rpc, PRUNE_VECTORS, PruneVectors(model=model))
        total += pruned.deleted
        if not pruned.deleted:
            return total


async def _follow(rpc: RpcClient, model: str, coverage: Coverage, stall_seconds: float) -> Coverage:
    """Show how far a model is, until it covers what there was a moment before; the coverage then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        covered, memories = _covered(coverage, model), coverage.memories
        shown = progress.add_task(model, total=memories, completed=covered)
        moved = time.monotonic()
        # What is added meanwhile is on its way as an event: with many writers the numbers might never be equal.
        while covered < min(memories, coverage.memories):
            if time.monotonic() - moved > stall_seconds:
                progress.stop()
                stop(
                    f"nothing was embedded for {stall_seconds:g} seconds; {memories - covered:,} of {memories:,}"
                    f" memories have no vectors of {model}: the log of embedding-worker says why"
                )
            await asyncio.sleep(_POLL_SECONDS)
            memories = coverage.memories
            try:
                coverage = await rpc.call(COVERAGE, Empty(), _ME, timeout_seconds=_ANSWER_SECONDS)
            except ProblemError as error:
                if not error.problem.is_transient:
                    stop(str(error))
                continue
            if _covered(coverage, model) > covered:
                moved = time.monotonic()
            covered = _covered(coverage, model)
            progress.update(shown, total=coverage.memories, completed=min(covered, coverage.memories))
    return coverage


async def _ask(rpc: RpcClient, method: Method[RequestT, ReplyT], request: RequestT) -> ReplyT:
    """The reply; without one the command ends with the problem as its message."""
    try:
        return await rpc.call(method, request, _ME, timeout_seconds=_ANSWER_SECONDS)
    except ProblemError as error:
        stop(str(error))


async def _worker(rpc: RpcClient) -> Reembedding | None:
    """What embedding-worker is about, and woken to be about it now; None while none answers."""
    try:
        return await rpc.call(REEMBED, Empty(), _ME, timeout_seconds=_ANSWER_SECONDS)
    except ProblemError:
        return None


def _covered(coverage: Coverage, model: str) -> int:
    return next((found.memories for found in coverage.models if found.model == model), 0)


def _rows(coverage: Coverage, worker: Reembedding | None) -> list[ModelCoverage]:
    """The models, the one that covers most first; the configured one among them, if it has no vectors yet."""
    found = list(coverage.models)
    if worker is not None and worker.model not in {row.model for row in found}:
        found.append(ModelCoverage(model=worker.model, dimensions=0, memories=0))
    return sorted(found, key=lambda row: (-row.memories, row.model))


def _share(found: ModelCoverage, coverage: Coverage) -> str:
    # Rounded down: 100 % is said of all of them only.
    return f"{found.memories * 1000 // coverage.memories / 10:g} %" if coverage.memories else "-"


def _state(model: str, worker: Reembedding | None) -> str:
    if worker is None:
        return "?"
    if model == worker.model:
        return "configured"
    return "still answers" if model in worker.others else "not in use"


class _Rate(ProgressColumn):
    """Memories a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s")
