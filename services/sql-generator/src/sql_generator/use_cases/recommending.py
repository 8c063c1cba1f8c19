"""Finding the data source that a question is about, when it names none."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from contracts.identity import Identity
from contracts.sql_generator import NewQuestion, RecallContext, RecommendedSource, RecommendedSources, RecommendSources
from persistence import Database
from sql_generator.domain.followups import addition
from sql_generator.domain.source_terms import asked_words, is_clear, ranked, terms_of
from sql_generator.errors import invalid
from sql_generator.repository import data_sources, patterns, source_terms
from sql_generator.repository.data_sources import StoredSource
from sql_generator.use_cases.data_sources import DataSourceUseCases

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """The data source to ask, if one was found, and those it was found among where the question names none."""

    stored: StoredSource | None
    candidates: tuple[RecommendedSource, ...] = ()

    @property
    def ask_back(self) -> str:
        """Which of the candidates it is to be."""
        if not self.candidates:
            return "Which data source is the question about? None of them knows a word of it."
        names = Counter(each.name for each in self.candidates)
        said = [
            each.name if names[each.name] == 1 else f"{each.name} ({each.data_source_id})" for each in self.candidates
        ]
        return f"Which data source is the question about: {', '.join(said)}?"


class Recommending:
    """Ranks data sources by the words they share with a question; reads no schema but where terms are outdated."""

    def __init__(self, database: Database, sources: DataSourceUseCases) -> None:
        self._database = database
        self._sources = sources

    async def recommend(self, request: RecommendSources, owner: Identity) -> RecommendedSources:
        """The data sources that know words of the question, best first."""
        await self._make_terms(owner)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            known = await source_terms.known(transaction, owner, asked_words(request.question))
        found = ranked(request.question, known)
        return RecommendedSources(recommended=found[: request.limit], is_clear=is_clear(found))

    async def choose(self, request: NewQuestion | RecallContext, owner: Identity) -> Choice:
        """The data source that is named, or the only one, or that of the conversation, or the one that clearly leads.

        Raises:
            ProblemError: it is named and unknown, or there is none at all.
        """
        if request.data_source_id is not None:
            return Choice(await self._sources.stored(request.data_source_id, owner))
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            ids = await data_sources.first_ids(transaction, owner, limit=2)
            before = (
                await patterns.last_source(transaction, owner, request.conversation_id)
                if request.conversation_id is not None
                else None
            )
        if not ids:
            raise invalid("data_source_id", "there is no data source yet; register one first")
        if len(ids) == 1:
            return Choice(await self._sources.stored(ids[0], owner))
        if before is not None and addition(request.question) is not None:
            return Choice(await self._sources.stored(before, owner))
        found = await self.recommend(RecommendSources(question=request.question, limit=_SHOWN), owner)
        if found.is_clear:
            best = await self._sources.stored(found.recommended[0].data_source_id, owner)
            return Choice(best, found.recommended)
        if before is not None:
            return Choice(await self._sources.stored(before, owner), found.recommended)
        return Choice(None, found.recommended)

    async def _make_terms(self, owner: Identity) -> None:
        """Make the terms of sources that were synced before there were any, or by an older version."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            outdated = await source_terms.outdated(transaction, owner)
        for data_source_id in outdated:
            schema = await (await self._sources.stored(data_source_id, owner)).schema()
            terms = await asyncio.to_thread(terms_of, schema) if schema is not None else []
            async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                if await data_sources.hold(transaction, owner, data_source_id):
                    await source_terms.put(transaction, owner, data_source_id, terms)
