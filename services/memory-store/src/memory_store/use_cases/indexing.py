"""Contents out to other services, vectors back in: work for many users at once."""

from collections.abc import Iterable, Sequence

from sqlalchemy.exc import IntegrityError

from contracts.events import MemoryEmbedded
from contracts.identity import Identity
from contracts.memory_store import Contents, FetchContents, MemoryVector, Stored, StoreVectors
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem
from memory_store.domain.vectors import VectorError, unit_vector
from memory_store.metrics import VECTORS_STORED
from memory_store.repository import contents, vectors
from memory_store.repository.vectors import NewVector, StoredVector
from messaging import Outbox, paging
from persistence import Database

_TRIES = 3


class IndexingUseCases:
    """What services that consume our events ask; they speak for themselves, not for a user."""

    def __init__(self, worker: Database, outbox: Outbox) -> None:
        self._worker = worker
        self._outbox = outbox

    async def fetch_contents(self, request: FetchContents, _: Identity) -> Contents:
        """The current contents, as many as fit one message, and which of the memories are gone."""
        wanted = list(dict.fromkeys(request.memories))
        async with self._worker.worker_transaction() as transaction:
            found, gone = await contents.fetch(transaction, wanted, max_bytes=MAX_MESSAGE_BYTES)
        return Contents(
            contents=paging.fitting(found, reserved=sum(len(memory.model_dump_json().encode()) + 1 for memory in gone)),
            gone=tuple(gone),
        )

    async def store_vectors(self, request: StoreVectors, _: Identity) -> Stored:
        """Store what is current and new; each vector stored now says so."""
        new = _vectors(request.vectors, request.dimensions)
        for attempt in range(1, _TRIES + 1):
            try:
                stored = await self._store(request.model, request.dimensions, new)
            except IntegrityError:
                # A memory was deleted between the join and the foreign key's check; next time the join drops it.
                if attempt == _TRIES:
                    raise
            else:
                break
        VECTORS_STORED.inc(len(stored))
        return Stored(stored=len(stored))

    async def _store(self, model: str, dimensions: int, new: Sequence[NewVector]) -> list[StoredVector]:
        async with self._worker.worker_transaction() as transaction:
            stored = await vectors.store(transaction, model, dimensions, new)
            for owner, events in _by_owner(stored, model).items():
                await self._outbox.emit(transaction, *events, identity=owner)
            return stored


def _vectors(sent: Sequence[MemoryVector], dimensions: int) -> list[NewVector]:
    vectors: dict[object, NewVector] = {}
    errors: list[FieldError] = []
    for index, item in enumerate(sent):
        try:
            values = unit_vector(item.embedding, dimensions)
        except VectorError as error:
            errors.append(FieldError(field=f"vectors.{index}.embedding", message=str(error)))
            continue
        key = (item.tenant_id, item.user_id, item.memory_id, item.content_version)
        vectors.setdefault(key, NewVector(*key, values))
    if errors:
        raise ProblemError(problem("invalid", errors=tuple(errors)))
    return list(vectors.values())


def _by_owner(stored: Iterable[StoredVector], model: str) -> dict[Identity, list[MemoryEmbedded]]:
    events: dict[Identity, list[MemoryEmbedded]] = {}
    for vector in stored:
        event = MemoryEmbedded(
            memory_id=vector.memory_id,
            memory_type=vector.memory_type,
            content_version=vector.content_version,
            model=model,
        )
        events.setdefault(Identity(vector.tenant_id, vector.user_id), []).append(event)
    return events
