"""Finding memories: for a person who searches, and for a prompt that needs context."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts.embedding_worker import Embedding
from contracts.identity import Identity
from contracts.memory_store import Hit, Recall, RecalledMemory, RecallReply, Search, SearchReply
from memory_store.accesses import AccessCounter
from memory_store.domain import analyzer
from memory_store.domain.content import excerpt
from memory_store.domain.ranking import WEIGHTS, Ranked, Weights, rank
from memory_store.domain.signals import Signals
from memory_store.domain.vectors import VectorError, unit_vector
from memory_store.errors import invalid
from memory_store.extents import Extents
from memory_store.metrics import SEARCHES
from memory_store.query_vectors import QueryVectors
from memory_store.repository import candidates, memories, search
from memory_store.repository.search import Filters, QueryVector
from messaging import paging
from persistence import Database, Transaction

SCAN_UP_TO = 3_000
"""Memories up to which all of them are looked at; measured, see docs/retrieval.md."""
EXACT_UP_TO = 10_000
"""Memories up to which every vector is compared; above, an approximate index says which are near."""

_CANDIDATES = 100
_EXCERPT_CHARS = 200


class SearchUseCases:
    """Search and recall: one ranking, two answers. With `sharing`, also in what members of the tenant share."""

    def __init__(
        self,
        database: Database,
        query_vectors: QueryVectors,
        accesses: AccessCounter,
        *,
        sharing: bool = False,
        enabled: bool = True,
    ) -> None:
        self._database = database
        self._query_vectors = query_vectors
        self._accesses = accesses
        self._sharing = sharing
        self._enabled = enabled
        self._extents = Extents()

    async def search(self, request: Search, owner: Identity) -> SearchReply:
        """The best hits, by meaning and by words; each counts as an access.

        Without embeddings, by words alone. As many hits as fit one message are answered.
        """
        vectors = await self._vectors(request.embedding, request.query, owner, request.min_similarity)
        filters = Filters(
            conversation_id=request.conversation_id,
            memory_types=request.memory_types,
            tags=request.tags,
            process_id=request.process_id,
            occurred_after=request.occurred_after,
            occurred_before=request.occurred_before,
            include_archived=request.include_archived,
        )
        found = await self._find(
            request.query,
            owner,
            vectors,
            filters,
            limit=request.limit,
            strict=request.min_similarity is not None,
            weights=WEIGHTS.without(request.without),
        )
        hits = paging.fitting(
            Hit(
                **fields,
                mine=fields["user_id"] == owner.user_id,
                similarity_score=_similarity(ranked),
                score=ranked.score,
                matched_by=ranked.matched_by,
            )
            for ranked, fields in found
        )
        taken = {hit.memory_id for hit in hits}
        self._count(owner, [fields for _, fields in found if fields["memory_id"] in taken], request.asked_in)
        SEARCHES.labels("search", str(not vectors).lower()).inc()
        return SearchReply(results=hits, total=len(hits), query=request.query, degraded=not vectors)

    async def recall(self, request: Recall, owner: Identity) -> RecallReply:
        """What belongs into a prompt: only what is similar enough to the question, in excerpts."""
        if not self._enabled:
            return RecallReply(memories=(), degraded=False)
        vectors = await self._vectors(request.embedding, request.question, owner, None)
        found = await self._find(
            request.question, owner, vectors, Filters(), limit=request.limit, strict=True, weights=WEIGHTS
        )
        self._count(owner, [fields for _, fields in found], request.asked_in)
        SEARCHES.labels("recall", str(not vectors).lower()).inc()
        return RecallReply(
            memories=tuple(
                RecalledMemory(
                    memory_id=fields["memory_id"],
                    content=excerpt(fields["content"], _EXCERPT_CHARS),
                    memory_type=fields["memory_type"],
                    similarity_score=_similarity(ranked),
                    score=ranked.score,
                    written_at=fields["updated_at" if fields["content_version"] > 1 else "created_at"],
                )
                for ranked, fields in found
            ),
            degraded=not vectors,
        )

    def _count(self, owner: Identity, found: Sequence[dict[str, Any]], asked_in: UUID | None) -> None:
        for fields in found:
            whose = Identity(owner.tenant_id, fields["user_id"])
            # A conversation of one's own says nothing about somebody else's memory.
            conversation = asked_in if whose.user_id == owner.user_id else None
            self._accesses.count(whose, fields["memory_no"], conversation)

    async def _vectors(
        self, given: Embedding | None, text: str, owner: Identity, min_similarity: float | None
    ) -> list[QueryVector]:
        made = given or await self._query_vectors.embed(text, owner)
        if made is None:
            return []
        found: list[QueryVector] = []
        for vector in (made, *made.others):
            threshold = vector.min_similarity if min_similarity is None else min_similarity
            try:
                found.append(QueryVector(unit_vector(vector.embedding, vector.dimensions), vector.model, threshold))
            except VectorError as error:
                if given is not None:
                    raise invalid("embedding", str(error)) from error
                # Not the caller's mistake: searched by what else there is, if only by words.
        return found

    async def _find(
        self,
        text: str,
        owner: Identity,
        vectors: Sequence[QueryVector],
        filters: Filters,
        *,
        limit: int,
        strict: bool,
        weights: Weights,
    ) -> list[tuple[Ranked, dict[str, Any]]]:
        terms = analyzer.terms(text)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            signals = await self._signals(transaction, owner, terms, vectors, filters, limit)
            hits = rank(signals, strict=strict, limit=limit, weights=weights)
            numbers = [hit.memory_no for hit in hits]
            found = await memories.find_numbered(transaction, owner, numbers, shared=self._sharing) if hits else {}
        # One deleted between the two statements is no hit any more.
        return [(hit, found[hit.memory_no]) for hit in hits if hit.memory_no in found]

    async def _signals(
        self,
        transaction: Transaction,
        owner: Identity,
        terms: Sequence[str],
        vectors: Sequence[QueryVector],
        filters: Filters,
        limit: int,
    ) -> Signals:
        size = await self._extents.of(transaction, owner)
        if size.memories <= SCAN_UP_TO:
            return await search.signals(transaction, owner, terms, vectors, filters, sharing=self._sharing)
        return await candidates.signals(
            transaction,
            owner,
            terms,
            vectors,
            filters,
            size,
            # An index scan that has to pass over most of what it finds ends before it has found enough.
            approximate=size.memories > EXACT_UP_TO and not filters.given,
            wanted=max(_CANDIDATES, 2 * limit),
            sharing=self._sharing,
        )


def _similarity(ranked: Ranked) -> float | None:
    # Rounding to half precision may carry a cosine a hair over its bounds.
    return None if ranked.cosine is None else round(max(-1.0, min(1.0, ranked.cosine)), 6)
