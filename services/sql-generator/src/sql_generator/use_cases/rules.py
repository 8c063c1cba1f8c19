"""Rules: those a user makes, and those that memories become."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from contracts.events import Event, MemoryEventData
from contracts.identity import Identity, service_identity
from contracts.memory_store import FETCH_CONTENTS, FetchContents, MemoryContent, OwnedMemory
from contracts.sql_generator import ListRules, NewRule, ProposeRule, Rule, Rules
from messaging import RetryLater, RpcClient, paging
from persistence import Database, cursor
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from sql_generator.errors import conflict, erased, invalid, not_found
from sql_generator.repository import data_sources, rules

_ME = service_identity("sql-generator")
_FETCH_SECONDS = 10.0


class RuleUseCases:
    """The verbs of rules."""

    def __init__(self, database: Database, rpc: RpcClient, erasures: Erasures) -> None:
        self._database = database
        self._rpc = rpc
        self._erasures = erasures

    async def create(self, request: NewRule, owner: Identity) -> Rule:
        """The rule that was created, active from now on, or the one that has this id already."""
        now = datetime.now(UTC)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, now):
                raise erased()
            source_id = request.data_source_id
            if source_id is not None and not await data_sources.hold(transaction, owner, source_id):
                raise not_found("data_source_id", "data source")
            created = await rules.add(transaction, owner, request, now)
            created = created or await rules.find(transaction, owner, request.rule_id)
            if created is None:
                raise conflict("the rule was deleted at the same moment")
            return paging.must_fit_a_page(created)

    async def propose(self, request: ProposeRule, owner: Identity) -> Rule:
        """The rule that waits for confirmation, or the one that has this id or says the same already.

        Raises:
            ProblemError: the user was erased since the rule was learned, or the data source is gone.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, request.decided_at):
                raise erased()
            await rules.lock(transaction, owner)
            source_id = request.data_source_id
            if source_id is not None and not await data_sources.hold(transaction, owner, source_id):
                raise not_found("data_source_id", "data source")
            known = await rules.find(transaction, owner, request.rule_id)
            known = known or await rules.saying(transaction, owner, request)
            if known is not None:
                return known
            added = await rules.add(transaction, owner, request, datetime.now(UTC), status="proposed", origin="learned")
            added = added or await rules.find(transaction, owner, request.rule_id)
            if added is None:
                raise conflict("the rule was deleted at the same moment")
            return paging.must_fit_a_page(added)

    async def list(self, request: ListRules, owner: Identity) -> Rules:
        """A page, the highest priority first; for a data source those that hold for it, and so those for any."""
        try:
            after = cursor.decode(request.cursor, int, datetime, UUID) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await rules.page(
                transaction, owner, data_source_id=request.data_source_id, after=after, limit=request.limit + 1
            )
        page, last = paging.page(found, request.limit)
        return Rules(
            rules=page,
            next_cursor=cursor.encode(last.priority, last.created_at, last.rule_id) if last else None,
        )

    async def follow_memories(self, events: Sequence[Event[MemoryEventData]]) -> None:
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
        contents: list[MemoryContent] = []
        while wanted:
            reply = await self._rpc.call(
                FETCH_CONTENTS, FetchContents(memories=tuple(wanted)), _ME, timeout_seconds=_FETCH_SECONDS
            )
            if not reply.contents and not reply.gone:
                raise RetryLater("memory-store answered none of the contents")
            contents += reply.contents
            answered = {memory.key for memory in (*reply.contents, *reply.gone)}
            wanted = [memory for memory in wanted if memory.key not in answered]
        return contents
