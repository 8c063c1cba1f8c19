"""Memories of type rule are rules as long as they are there."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from uuid import UUID

from contracts.events import Event, MemoryEventData
from contracts.identity import Identity, service_identity
from contracts.memory_store import FETCH_CONTENTS, FetchContents, MemoryContent, OwnedMemory
from messaging import RetryLater, RpcClient, paging
from persistence import Database
from persistence.erasures import Erasures
from sql_generator.repository import rules

_ME = service_identity("sql-generator")
_FETCH_SECONDS = 10.0


class RulesFromMemories:
    """Keeps the rules that come from memories as the memories are."""

    def __init__(self, database: Database, rpc: RpcClient, erasures: Erasures) -> None:
        self._database = database
        self._rpc = rpc
        self._erasures = erasures

    async def follow(self, events: Sequence[Event[MemoryEventData]]) -> None:
        """Have the rules say what the memories of type rule say now; those of memories gone or archived go too.

        Raises:
            RetryLater: memory-store is away, or a user was erased this moment: the events that are left come again.
        """
        changed: dict[Identity, dict[UUID, datetime]] = defaultdict(dict)
        for event in events:
            if event.data.memory_type == "rule":
                times = changed[Identity(event.tenantid, event.userid)]
                times[event.data.memory_id] = min(event.time, times.get(event.data.memory_id, event.time))
        for owner, times in changed.items():
            async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                if not await self._erasures.hold(transaction, owner, min(times.values())):
                    raise RetryLater("the user was erased meanwhile", delay=0)
                # Fetched under the lock: whoever comes later has read later, so a deleted memory's rule stays deleted.
                await rules.lock(transaction, owner)
                contents = await self._contents(owner, list(times))
                current = [each for each in contents if each.memory_type == "rule" and not each.is_archived]
                gone = times.keys() - {content.memory_id for content in current}
                await rules.remove_from_memories(transaction, owner, gone)
                for content in current:
                    await rules.put_from_memory(transaction, owner, content, datetime.now(UTC))

    async def _contents(self, owner: Identity, memory_ids: Sequence[UUID]) -> Sequence[MemoryContent]:
        wanted = [OwnedMemory(tenant_id=owner.tenant_id, user_id=owner.user_id, memory_id=each) for each in memory_ids]

        async def ask(some: tuple[OwnedMemory, ...]) -> tuple[Iterable[MemoryContent], set[Hashable]]:
            request = FetchContents(memories=some)
            reply = await self._rpc.call(FETCH_CONTENTS, request, _ME, timeout_seconds=_FETCH_SECONDS)
            return reply.contents, {memory.key for memory in (*reply.contents, *reply.gone)}

        return await paging.all_of(wanted, ask, key=attrgetter("key"))
