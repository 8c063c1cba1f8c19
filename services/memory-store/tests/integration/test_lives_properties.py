"""Whatever is done to memories, in whatever order: what holds of them always holds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.identity import Identity
from contracts.memory_store import (
    ARCHIVE,
    CREATE,
    DELETE,
    PROMOTE,
    RECALL,
    RESTORE,
    STATISTICS,
    ArchiveMemories,
    CreateMemories,
    MemoryRef,
    NewMemory,
    Recall,
)
from contracts.methods import Empty, ProblemError
from memory_store.accesses import AccessCounter
from memory_store.tables import outbox
from memory_store.use_cases.sweeps import Sweeps
from messaging import Outbox
from persistence import Database

SLOTS = 3
_users = count()

slots = st.integers(0, SLOTS - 1)
importances = st.sampled_from([0.0, 0.29, 0.3, 0.65, 0.7, 0.95, 1.0])
steps = st.one_of(
    st.tuples(
        st.just("create"), slots, st.sampled_from(["short_term", "short_term", "long_term", "rule"]), importances
    ),
    st.tuples(st.just("create_sensitive"), slots),
    st.tuples(st.just("rewrite"), slots),
    st.tuples(st.just("weigh"), slots, importances),
    st.tuples(st.just("promote"), slots),
    st.tuples(st.just("restore"), slots),
    st.tuples(st.just("delete"), slots),
    st.tuples(st.just("expire"), slots),
    st.tuples(st.just("age"), slots),
    st.tuples(st.just("archive")),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("find"), st.integers(1, 6), st.booleans()),
)


@dataclass
class World:
    """One user's memories, and what is known to have been done to them."""

    store: Any
    sweeps: Sweeps
    counter: AccessCounter
    embedding: Callable[..., Any]
    identity: Identity = field(default_factory=lambda: Identity("acme", f"user {next(_users)}"))
    ids: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(SLOTS)])
    created: dict[int, int] = field(default_factory=dict)
    deleted: dict[int, int] = field(default_factory=dict)

    async def do(self, name, *arguments):
        await getattr(self, name)(*arguments)

    async def call(self, method, request):
        """What is answered; None when the state does not allow it."""
        try:
            return await self.store.call(method, request, self.identity)
        except ProblemError as error:
            if error.problem.type not in {"conflict", "not-found"}:
                raise
            return None

    def ref(self, slot):
        return MemoryRef(memory_id=self.ids[slot])

    async def create(self, slot, memory_type, importance, *, sensitive=False):
        new = NewMemory(
            memory_id=self.ids[slot],
            content=f"net revenue {slot}",
            memory_type=memory_type,
            importance_score=importance,
            sensitive=sensitive,
        )
        if self.created.get(slot, 0) == self.deleted.get(slot, 0):
            self.created[slot] = self.created.get(slot, 0) + 1
        await self.call(CREATE, CreateMemories(memories=(new,)))
        await self._embed(slot)

    async def create_sensitive(self, slot):
        await self.create(slot, "short_term", 0.5, sensitive=True)

    async def rewrite(self, slot):
        if self._there(slot):
            await self.store.update(self.ref(slot), self.identity, content=f"net revenue {uuid4()}")
            await self._embed(slot)

    async def weigh(self, slot, importance):
        if self._there(slot):
            await self.store.update(self.ref(slot), self.identity, importance_score=importance)

    async def promote(self, slot):
        await self.call(PROMOTE, self.ref(slot))

    async def restore(self, slot):
        await self.call(RESTORE, self.ref(slot))

    async def delete(self, slot):
        if await self.call(DELETE, self.ref(slot)) is not None:
            self.deleted[slot] = self.deleted.get(slot, 0) + 1

    async def expire(self, slot):
        await self.store.age(self.ref(slot), days=8)

    async def age(self, slot):
        await self.store.age(self.ref(slot), days=31)
        await self.store.sql(
            "update memori_memories set expires_at = now() + interval '1 hour'"
            " where memory_id = :id and expires_at is not null and not is_archived",
            id=self.ids[slot],
        )
        await self.store.sql(
            "update memori_memory_vectors vectors set live_until = expires_at from memori_memories memories"
            " where memories.memory_no = vectors.memory_no and memory_id = :id and expires_at is not null"
            " and not is_archived",
            id=self.ids[slot],
        )

    async def archive(self):
        await self.call(ARCHIVE, ArchiveMemories())

    async def sweep(self):
        await self.sweeps.run_once()

    async def find(self, times, asked_in):
        for memory in await self.store.found("revenue", self.identity):
            number = await self.store.number_of(memory, self.identity)
            for _ in range(times):
                self.counter.count(self.identity, number, uuid4() if asked_in else None)
        await self.counter.flush()

    async def _embed(self, slot):
        if self._there(slot):
            memory = await self.store.read(self.ref(slot), self.identity)
            await self.store.embed(memory, [1.0, 0.0], identity=self.identity)

    def _there(self, slot):
        return self.created.get(slot, 0) > self.deleted.get(slot, 0)

    async def check(self):
        now = datetime.now(UTC)
        everything = await self.store.listed(self.identity, include_archived=True)
        assert {memory.memory_id for memory in everything} == {
            self.ids[slot] for slot in range(SLOTS) if self._there(slot)
        }
        for memory in everything:
            assert 0 <= memory.importance_score <= 1
            assert memory.is_archived == (memory.archived_reason is not None)
            assert memory.memory_type == "short_term" or memory.expires_at is None
        live = [m for m in everything if not m.is_archived and (m.expires_at is None or m.expires_at > now)]
        await self._check_found(live)
        summary = await self.store.call(STATISTICS, Empty(), self.identity)
        assert (summary.total_memories, summary.archived) == (len(live), len(everything) - len(live))
        assert 0 <= summary.average_importance <= 1
        for slot in self.created:
            await self._check_history(slot)

    async def _check_found(self, live):
        """Default searches, recalls and lists show what is live, all of it and nothing else."""
        listed = await self.store.listed(self.identity)
        assert {memory.memory_id for memory in listed} == {memory.memory_id for memory in live}
        searchable = {memory.memory_id for memory in live if not memory.sensitive}
        nearest = self.embedding([1.0, 0.0])
        for found in (
            await self.store.found("revenue", self.identity, embedding=nearest, min_similarity=-1),
            await self.store.found("zzz", self.identity, embedding=nearest),
            (await self.store.call(RECALL, Recall(question="revenue", embedding=nearest), self.identity)).memories,
        ):
            assert {hit.memory_id for hit in found} == searchable

    async def _check_history(self, slot):
        """A memory under an id that was used is there, or its history says that it was deleted."""
        versions = await self.store.versions(self.ref(slot), self.identity)
        assert [version.change for version in versions].count("created") == self.created[slot]
        assert [version.change for version in versions].count("deleted") == self.deleted.get(slot, 0)
        assert (versions[0].change == "deleted") == (not self._there(slot))
        for newer, older in pairwise(versions):
            assert newer.revision == older.revision + 1 or (newer.revision == 1 and older.change == "deleted")
        assert all(0 <= version.importance_score <= 1 for version in versions)


@pytest.fixture
async def world(store, settings, embedding):
    """A function: a world with a new user, over one service."""
    worker = Database(settings.database_worker_url.get_secret_value(), application="test", pool_size=2)
    sweeps = Sweeps(worker, Outbox(outbox), archive_after=timedelta(days=30))
    yield lambda: World(store, sweeps, AccessCounter(worker, sweeps.promote_needed), embedding)
    await worker.close()


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(script=st.lists(steps, min_size=3, max_size=14))
async def test_whatever_is_done_what_holds_of_memories_holds(world, script):
    """No expired or archived memory is found by default, no importance leaves 0 to 1, nothing goes without a trace."""
    here = world()
    for step in script:
        await here.do(*step)
        await here.check()
