"""Contents out to other services, vectors back in, and how far that has come: work for many users at once."""

from collections.abc import Iterable, Sequence

from contracts.events import MemoryEmbedded
from contracts.identity import Identity
from contracts.memory_store import (
    Contents,
    Coverage,
    FetchContents,
    FindUnembedded,
    MemoryVector,
    ModelCoverage,
    Pruned,
    PruneVectors,
    Stored,
    StoreVectors,
    Unembedded,
)
from contracts.methods import MAX_MESSAGE_BYTES, Empty, ProblemError
from contracts.problems import FieldError, problem
from memory_store.domain.vectors import Floats, VectorError, unit_vector
from memory_store.metrics import VECTORS_STORED
from memory_store.repository import contents, coverage, vectors
from memory_store.repository.vectors import NewVectors
from memory_store.use_cases.announcing import announce, said_of
from messaging import Outbox, paging
from persistence import Database


class IndexingUseCases:
    """What services that consume our events ask; they speak for themselves, not for a user."""

    def __init__(self, worker: Database, outbox: Outbox) -> None:
        self._worker = worker
        self._outbox = outbox

    async def fetch_contents(self, request: FetchContents, _: Identity) -> Contents:
        """The current contents, as many as fit one message, and which of the memories need or have none."""
        wanted = list(dict.fromkeys(request.memories))
        async with self._worker.worker_transaction() as transaction:
            found = await contents.fetch(
                transaction, wanted, without_vector_of=request.without_vector_of, max_bytes=MAX_MESSAGE_BYTES
            )
        answered = (*found.gone, *found.embedded)
        reserved = sum(len(memory.model_dump_json().encode()) + 1 for memory in answered)
        return Contents(
            contents=paging.fitting(found.contents, reserved=reserved), gone=found.gone, embedded=found.embedded
        )

    async def store_vectors(self, request: StoreVectors, _: Identity) -> Stored:
        """Store what is current and new; each memory embedded now says so."""
        new = _vectors(request.vectors, request.dimensions)
        async with self._worker.worker_transaction() as transaction:
            stored = await vectors.store(transaction, request.model, request.dimensions, new)
            await announce(
                transaction, self._outbox, stored, lambda row: MemoryEmbedded(**said_of(row), model=request.model)
            )
        VECTORS_STORED.inc(len(stored))
        return Stored(stored=len(stored))

    async def find_unembedded(self, request: FindUnembedded, _: Identity) -> Unembedded:
        """The memories of the next stretch of the store that a model has not embedded."""
        async with self._worker.worker_transaction() as transaction:
            found, following = await coverage.unembedded(
                transaction, request.model, after=request.after, older_than_seconds=request.older_than_seconds
            )
        return Unembedded(memories=tuple(found), next=following)

    async def coverage(self, _: Empty, __: Identity) -> Coverage:
        """How far each model has come."""
        async with self._worker.worker_transaction() as transaction:
            memories, models = await coverage.by_model(transaction)
        return Coverage(
            memories=memories,
            models=tuple(
                ModelCoverage(model=row.model, dimensions=row.dimensions, memories=row.memories) for row in models
            ),
        )

    async def prune_vectors(self, request: PruneVectors, _: Identity) -> Pruned:
        """Delete some of a model's vectors."""
        async with self._worker.worker_transaction() as transaction:
            return Pruned(deleted=await coverage.prune(transaction, request.model))


def _vectors(sent: Sequence[MemoryVector], dimensions: int) -> list[NewVectors]:
    found: dict[object, NewVectors] = {}
    errors: list[FieldError] = []
    for index, item in enumerate(sent):
        pieces = list(_pieces(item.embeddings, dimensions, f"vectors.{index}.embeddings", errors))
        found.setdefault(
            item.key, NewVectors(item.tenant_id, item.user_id, item.memory_id, item.content_version, pieces)
        )
    if errors:
        raise ProblemError(problem("invalid", errors=tuple(errors)))
    return list(found.values())


def _pieces(embeddings: Iterable[bytes], dimensions: int, field: str, errors: list[FieldError]) -> Iterable[Floats]:
    for number, embedding in enumerate(embeddings):
        try:
            yield unit_vector(embedding, dimensions)
        except VectorError as error:
            errors.append(FieldError(field=f"{field}.{number}", message=str(error)))
