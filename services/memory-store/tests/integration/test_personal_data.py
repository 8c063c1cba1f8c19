"""Everything of one user out, everything of one user gone, whatever is under way."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.memory_store import (
    APPEND_MESSAGES,
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    DELETE_CONVERSATION,
    SERVICE,
    AppendMessages,
    ConversationRef,
    CreateConversation,
    CreateMemories,
    MemoryRef,
    NewMemory,
    NewMessage,
)
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ExportData, erase_of, export_of

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")
NAMESAKE = Identity("other", "ada")
TABLES = (
    "conversations",
    "messages",
    "memories",
    "memory_history",
    "memory_vectors",
    "memory_usage",
    "memory_terms",
    "outbox",
)


async def exported(store, identity=ADA):
    """Everything that is kept of a user, by kind, rows in pieces put together."""
    found, cursor, pieces = {}, None, ""
    while True:
        page = await store.call(export_of(SERVICE), ExportData(cursor=cursor), identity)
        rows = found.setdefault(page.kind, [])
        rows += page.rows
        if page.piece is not None:
            pieces += page.piece
            if page.ends_row:
                rows.append(json.loads(pieces))
                pieces = ""
        cursor = page.next_cursor
        if cursor is None:
            return found


async def erase(store, identity=ADA):
    return await store.call(erase_of(SERVICE), Empty(), identity)


async def rows(store, identity=ADA):
    """How many rows a user has in each table; events on their way count as none."""
    found = {}
    for table in TABLES:
        ((found[table],),) = await store.sql(
            f"select count(*) from memori_{table} where tenant_id = :tenant and user_id = :user",
            tenant=identity.tenant_id,
            user=identity.user_id,
        )
    return found


@pytest.fixture
def filled(store, eventually):
    """A function to await: a row of a user in every table; returns their memories, the last one sensitive."""

    async def fill(identity=ADA):
        conversation_id = uuid4()
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id, title="t"), identity)
        turn = NewMessage(message_id=uuid4(), role="user", content="the turn 売上", metadata={"m": 1})
        await store.call(APPEND_MESSAGES, AppendMessages(conversation_id=conversation_id, messages=(turn,)), identity)
        memories = await store.remember(
            "net revenue", "gone", identity=identity, conversation_id=conversation_id, metadata={"k": [1]}
        )
        (sealed,) = await store.remember(
            "the passphrase", identity=identity, sensitive=True, metadata={"s": 1}, related_entities=("vault",)
        )
        await store.embed(memories[0], [1.0, 0.0], identity=identity)
        await store.update(memories[0], identity, context_tags=("t",))
        await store.update(sealed, identity, content="the new passphrase")
        await store.call(DELETE, MemoryRef(memory_id=memories[1].memory_id), identity)
        await store.found("revenue", identity)

        async def everywhere():
            found = await rows(store, identity)
            found.pop("outbox")
            assert all(found.values()), found

        await eventually(everywhere)
        return memories[0], sealed

    return fill


async def test_everything_goes_out_in_plain_text_and_nothing_of_others(store, filled):
    memory, sealed = await filled()
    await filled(BOB)
    await filled(NAMESAKE)
    found = await exported(store)
    assert set(found) == {"conversations", "messages", "memories", "memory_history", "memory_usage"}
    by_id = {row["memory_id"]: row for row in found["memories"]}
    assert set(by_id) == {str(memory.memory_id), str(sealed.memory_id)}
    plain, opened = by_id[str(memory.memory_id)], by_id[str(sealed.memory_id)]
    assert (plain["content"], plain["metadata"], plain["context_tags"]) == ("net revenue", {"k": [1]}, ["t"])
    assert (opened["content"], opened["metadata"]) == ("the new passphrase", {"s": 1})
    assert opened["related_entities"] == ["vault"]
    assert [row["content"] for row in found["messages"]] == ["the turn 売上"]
    assert [row["title"] for row in found["conversations"]] == ["t"]
    history = {(row["change"], row["content"]) for row in found["memory_history"]}
    assert history == {("created", "net revenue"), ("created", "the passphrase"), ("created", None), ("deleted", None)}
    assert [row["access_count"] for row in found["memory_usage"]] == [1]
    names = {name for kind in found.values() for row in kind for name in row}
    assert not {"sealed", "tenant_id", "user_id", "content_hash", "embedding"} & names


async def test_nothing_is_exported_of_who_has_nothing(store):
    assert await exported(store) == {
        kind: [] for kind in ("conversations", "messages", "memories", "memory_history", "memory_usage")
    }


async def test_what_does_not_fit_one_page_comes_in_several(store):
    memories = []
    for number in range(6):
        memories += await store.remember(*(f"{number}{place}" + "😀" * 9_990 for place in range(6)))
    for memory in memories[:6]:
        await store.update(memory, content=memory.content + "!")
    found = await exported(store)
    assert {row["content"] for row in found["memories"]} == {
        memory.content + "!" * (memory in memories[:6]) for memory in memories
    }
    assert {row["content"] for row in found["memory_history"]} == {memory.content for memory in memories[:6]}


@pytest.mark.parametrize("cursor", ["garbage", "", "memories", "memories.W10=", "secrets.WzAsICIiXQ=="])
async def test_a_cursor_we_did_not_make_is_refused_by_name(store, refused, cursor):
    with refused("invalid", "cursor"):
        await store.call(export_of(SERVICE), ExportData(cursor=cursor))


async def test_an_erased_user_has_no_row_left_but_the_tombstone(store, filled, observer, eventually):
    zoe, namesake = Identity("acme", "zoe quince"), Identity("elsewhere", "zoe quince")
    for identity in (zoe, BOB, namesake):
        await filled(identity)
    before = {identity: await rows(store, identity) for identity in (BOB, namesake)}

    def all_published():
        assert len([event for event in observer.events if event.type == "memory.deleted"]) == 3

    await eventually(all_published)
    receipt = await erase(store, zoe)
    deleted = {table.removeprefix("memori_"): count for table, count in receipt.rows.items()}
    assert set(deleted) == set(TABLES)
    assert all(count for table, count in deleted.items() if table != "outbox")
    assert datetime.now(UTC) - receipt.erased_at < timedelta(minutes=1)

    async def nothing_is_left():
        # The announcement itself is on its way for a moment.
        assert not any((await rows(store, zoe)).values())

    await eventually(nothing_is_left)
    for identity, counted in before.items():
        kept = await rows(store, identity)
        assert {**kept, "outbox": 0} == {**counted, "outbox": 0}
    names = await store.sql(
        "select table_name from information_schema.tables where table_schema = 'memory_store'"
        " and table_type = 'BASE TABLE'"
    )
    for (name,) in names:
        # Nowhere is the user named, in whatever column; their namesake is.
        found = await store.sql(
            f"select count(*) from {name} t where t::text like '%zoe quince%' and t::text not like '%elsewhere%'"
        )
        assert found == [(0,)], name
    assert await store.sql("select octet_length(user_key), erased_at from memori_erasures") == [(32, receipt.erased_at)]
    assert not any((await exported(store, zoe)).values())

    def announced():
        said = [event for event in observer.events if event.type == "user.erased"]
        assert [(event.tenantid, event.userid) for event in said] == [("acme", "zoe quince")]

    await eventually(announced)


async def test_erasing_again_finds_nothing_left_to_count(store, filled):
    await filled()
    first = await erase(store)
    again = await erase(store)
    assert again.erased_at > first.erased_at
    assert {count for table, count in again.rows.items() if table != "memori_outbox"} == {0}
    assert (await erase(store, Identity("acme", "nobody"))).rows["memori_memories"] == 0


async def test_late_work_brings_nobody_back(store, filled, observer, eventually):
    await filled()
    decided_at = datetime.now(UTC)
    receipt = await erase(store)

    def create(content, **fields):
        new = NewMemory(memory_id=uuid4(), content=content)
        return store.call(CREATE, CreateMemories(memories=(new,), **fields))

    for earlier in (decided_at, receipt.erased_at, receipt.erased_at - timedelta(days=300)):
        assert (await create("late", decided_at=earlier)).memories == ()
    assert (await rows(store))["memories"] == 0
    # Others are not meant, nor is what is decided since, nor what a user does themselves.
    later = receipt.erased_at + timedelta(microseconds=1)
    assert (await store.call(CREATE, _one("his", decided_at), BOB)).memories[0].content == "his"
    assert (await store.call(CREATE, _one("hers", decided_at), NAMESAKE)).memories[0].content == "hers"
    assert (await create("since", decided_at=later)).memories[0].content == "since"
    assert (await create("by herself")).memories[0].content == "by herself"
    await erase(store)
    assert (await create("late again", decided_at=later)).memories == ()
    assert (await rows(store))["memories"] == 0

    def announced():
        assert len(observer.of_type("user.erased")) == 2

    await eventually(announced)


def _one(content, decided_at):
    return CreateMemories(memories=(NewMemory(memory_id=uuid4(), content=content),), decided_at=decided_at)


async def test_a_retry_of_late_work_is_told_nothing_either(store):
    decided_at = datetime.now(UTC)
    request = _one("asked for", decided_at)
    (stored,) = (await store.call(CREATE, request)).memories
    assert (await store.call(CREATE, request)).memories == (stored,)
    await erase(store)
    assert (await store.call(CREATE, request)).memories == ()


async def test_erasing_gets_along_with_everything_else(store, eventually):
    for _ in range(4):
        conversation_id = uuid4()
        await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
        memories = await store.remember(*(f"revenue {number}" for number in range(20)), conversation_id=conversation_id)
        for memory in memories:
            await store.embed(memory, [1.0, 0.0])
        started = datetime.now(UTC)
        turn = NewMessage(message_id=uuid4(), role="user", content="x")
        work = [
            *(store.update(memory, content="changed", importance_score=0.9) for memory in memories[::2]),
            *(store.embed(memory, [1.0, 0.0, 0.0]) for memory in memories[1::2]),
            *(store.call(DELETE, MemoryRef(memory_id=memory.memory_id)) for memory in memories[::5]),
            *(store.found("revenue", limit=100) for _ in range(3)),
            *(store.call(CREATE, _one("late", started)) for _ in range(5)),
            store.call(APPEND_MESSAGES, AppendMessages(conversation_id=conversation_id, messages=(turn,))),
            store.call(DELETE_CONVERSATION, ConversationRef(conversation_id=conversation_id)),
        ]
        receipt, *outcomes = await asyncio.gather(erase(store), *work, return_exceptions=True)
        assert not isinstance(receipt, BaseException), receipt
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert {type(failure) for failure in failures} <= {ProblemError}
        assert {failure.problem.type for failure in failures} <= {"not-found", "conflict"}
        await erase(store)

    async def nothing_is_left():
        assert not any((await rows(store)).values())

    await eventually(nothing_is_left)
