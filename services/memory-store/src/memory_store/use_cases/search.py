"""Finding memories: for a person who searches, and for a prompt that needs context."""

from typing import Any

from contracts.identity import Identity
from contracts.memory_store import Hit, Recall, RecalledMemory, RecallReply, Search, SearchReply
from memory_store.accesses import AccessCounter
from memory_store.domain import analyzer
from memory_store.domain.content import excerpt
from memory_store.domain.ranking import Ranked, rank
from memory_store.domain.vectors import VectorError, unit_vector
from memory_store.errors import invalid
from memory_store.metrics import SEARCHES
from memory_store.query_vectors import QueryVectors
from memory_store.repository import memories, search
from memory_store.repository.search import Filters, QueryVector
from messaging import paging
from persistence import Database

_EXCERPT_CHARS = 200


class SearchUseCases:
    """Search and recall: one ranking, two answers."""

    def __init__(self, database: Database, query_vectors: QueryVectors, accesses: AccessCounter) -> None:
        self._database = database
        self._query_vectors = query_vectors
        self._accesses = accesses

    async def search(self, request: Search, owner: Identity) -> SearchReply:
        """The best hits, by meaning and by words; each counts as an access.

        Without embeddings, by words alone. As many hits as fit one message are answered.
        """
        vector = await self._vector(request, request.query, owner, request.min_similarity)
        filters = Filters(
            conversation_id=request.conversation_id,
            memory_types=request.memory_types,
            tags=request.tags,
            include_archived=request.include_archived,
        )
        found = await self._find(
            request.query, owner, vector, filters, limit=request.limit, strict=request.min_similarity is not None
        )
        hits = paging.fitting(
            Hit(
                **fields,
                similarity_score=_similarity(ranked),
                score=ranked.score,
                matched_by=ranked.matched_by,
            )
            for ranked, fields in found
        )
        self._accesses.count(owner, (hit.memory_id for hit in hits))
        SEARCHES.labels("search", str(vector is None).lower()).inc()
        return SearchReply(results=hits, total=len(hits), query=request.query, degraded=vector is None)

    async def recall(self, request: Recall, owner: Identity) -> RecallReply:
        """What belongs into a prompt: only what is similar enough to the question, in excerpts."""
        vector = await self._vector(request, request.question, owner, None)
        found = await self._find(request.question, owner, vector, Filters(), limit=request.limit, strict=True)
        self._accesses.count(owner, (ranked.memory_id for ranked, _ in found))
        SEARCHES.labels("recall", str(vector is None).lower()).inc()
        return RecallReply(
            memories=tuple(
                RecalledMemory(
                    memory_id=ranked.memory_id,
                    content=excerpt(fields["content"], _EXCERPT_CHARS),
                    memory_type=fields["memory_type"],
                    similarity_score=_similarity(ranked),
                    score=ranked.score,
                )
                for ranked, fields in found
            ),
            degraded=vector is None,
        )

    async def _vector(
        self, request: Search | Recall, text: str, owner: Identity, min_similarity: float | None
    ) -> QueryVector | None:
        if request.embedding is not None:
            if request.embedding_model is None:
                raise invalid("embedding_model", "must name the model that made the embedding")
            try:
                values = unit_vector(request.embedding)
            except VectorError as error:
                raise invalid("embedding", str(error)) from error
            model = request.embedding_model
            if min_similarity is None:
                min_similarity = await self._query_vectors.threshold(model, text, owner)
            return QueryVector(values, model, min_similarity)
        made = await self._query_vectors.embed(text, owner)
        if made is None:
            return None
        threshold = made.min_similarity if min_similarity is None else min_similarity
        try:
            return QueryVector(unit_vector(made.embedding, made.dimensions), made.model, threshold)
        except VectorError:
            # Not the caller's mistake: searched by words alone, as if there were no vector.
            return None

    async def _find(
        self, text: str, owner: Identity, vector: QueryVector | None, filters: Filters, *, limit: int, strict: bool
    ) -> list[tuple[Ranked, dict[str, Any]]]:
        terms = analyzer.terms(text)
        threshold = vector.threshold if vector is not None else 1.0
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            signals = await search.signals(transaction, owner, terms, vector, filters)
            hits = rank(signals, threshold=threshold, strict=strict, limit=limit)
            found = await memories.find(transaction, owner, [hit.memory_id for hit in hits]) if hits else {}
        # One deleted between the two statements is no hit any more.
        return [(hit, found[hit.memory_id]) for hit in hits if hit.memory_id in found]


def _similarity(ranked: Ranked) -> float | None:
    # Rounding to half precision may carry a cosine a hair over its bounds.
    return None if ranked.cosine is None else round(max(-1.0, min(1.0, ranked.cosine)), 6)
