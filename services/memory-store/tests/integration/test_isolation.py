"""What one user can never see of another, whichever way they ask."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import ProgrammingError

from contracts.identity import Identity
from contracts.memory_store import (
    APPEND_MESSAGES,
    ARCHIVE,
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    DELETE_CONVERSATION,
    GET,
    GET_CONVERSATION,
    HISTORY,
    LIST_CONVERSATIONS,
    LIST_MESSAGES,
    PROMOTE,
    RECALL,
    RESTORE,
    SERVICE,
    STATISTICS,
    UPDATE,
    UPDATE_CONVERSATION,
    AppendMessages,
    ArchiveMemories,
    ConversationRef,
    CreateConversation,
    CreateMemories,
    GetMemory,
    ListConversations,
    ListHistory,
    ListMessages,
    MemoryRef,
    NewMemory,
    NewMessage,
    Recall,
    UpdateConversation,
    UpdateMemory,
)
from contracts.methods import Empty
from contracts.personal_data import ExportData, erase_of, export_of

BOB = Identity("acme", "bob")
ADA_ELSEWHERE = Identity("other", "ada")
TABLES = (
    "conversations",
    "messages",
    "memories",
    "memory_history",
    "memory_vectors",
    "memory_usage",
    "memory_terms",
)
# Whose rows they are is hidden in them: nobody reads who was erased out of a keyed hash.
NOT_OF_USERS = ("memori_outbox", "memori_schema_version", "memori_erasures")


@pytest.fixture
async def adas(store, eventually):
    """A conversation and a memory of Ada's, with a row in every table."""
    conversation = await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=uuid4(), title="hers"))
    turn = NewMessage(message_id=uuid4(), role="user", content="her secret turn")
    await store.call(APPEND_MESSAGES, AppendMessages(conversation_id=conversation.conversation_id, messages=(turn,)))
    (memory,) = await store.remember(
        "her secret revenue", conversation_id=conversation.conversation_id, context_tags=("secret",)
    )
    await store.update(memory, metadata={"changed": True})
    await store.embed(memory, [1.0, 0.0])
    await store.found("revenue")

    async def every_table_has_a_row():
        for table in TABLES:
            assert await store.sql(f"select count(*) > 0 from memori_{table}") == [(True,)], table

    await eventually(every_table_has_a_row)
    return conversation, memory


def _methods(conversation, memory):
    """Every method that names one of Ada's things."""
    of_conversation = {"conversation_id": conversation.conversation_id}
    of_memory = {"memory_id": memory.memory_id}
    smuggled = NewMemory(memory_id=uuid4(), content="smuggled", **of_conversation)
    turn = NewMessage(message_id=uuid4(), role="user", content="smuggled")
    return (
        (GET, GetMemory(**of_memory, include_embedding=True)),
        (UPDATE, UpdateMemory(**of_memory, content="mine now")),
        (PROMOTE, MemoryRef(**of_memory)),
        (RESTORE, MemoryRef(**of_memory)),
        (HISTORY, ListHistory(**of_memory)),
        (DELETE, MemoryRef(**of_memory)),
        (GET_CONVERSATION, ConversationRef(**of_conversation)),
        (UPDATE_CONVERSATION, UpdateConversation(**of_conversation, title="mine now")),
        (DELETE_CONVERSATION, ConversationRef(**of_conversation)),
        (APPEND_MESSAGES, AppendMessages(**of_conversation, messages=(turn,))),
        (LIST_MESSAGES, ListMessages(**of_conversation)),
        (CREATE, CreateMemories(memories=(smuggled,))),
    )


@pytest.mark.parametrize("stranger", [BOB, ADA_ELSEWHERE], ids=["another user", "the same name in another tenant"])
async def test_a_stranger_finds_none_of_it_by_any_method(store, adas, embedding, refused, stranger):
    conversation, memory = adas
    before = await store.read(memory)
    for method, request in _methods(conversation, memory):
        with refused("not-found") as found:
            await store.call(method, request, stranger)
        assert found.value.problem.errors, method.verb
    assert (await store.call(LIST_CONVERSATIONS, ListConversations(), stranger)).conversations == ()
    for filters in ({}, {"tags": ("secret",)}, {"visibility": "tenant"}):
        assert await store.listed(stranger, include_archived=True, **filters) == ()
    given = embedding([1.0, 0.0])
    found = await store.found("secret revenue", stranger, min_similarity=-1.0, include_archived=True, embedding=given)
    assert found == ()
    recalled = await store.call(RECALL, Recall(question="secret revenue", embedding=given), stranger)
    assert recalled.memories == ()
    assert (await store.call(STATISTICS, Empty(), stranger)).total_memories == 0
    assert (await store.call(ARCHIVE, ArchiveMemories(days_threshold=1), stranger)).archived_count == 0
    page = await store.call(export_of(SERVICE), ExportData(), stranger)
    while page.next_cursor is not None:
        assert page.rows == ()
        page = await store.call(export_of(SERVICE), ExportData(cursor=page.next_cursor), stranger)
    assert set((await store.call(erase_of(SERVICE), Empty(), stranger)).rows.values()) == {0}
    after = await store.read(memory)
    assert after.model_dump(exclude={"last_accessed_at"}) == before.model_dump(exclude={"last_accessed_at"})


async def test_two_users_may_use_the_same_id(store, adas):
    _, memory = adas
    request = CreateMemories(memories=(NewMemory(memory_id=memory.memory_id, content="his own"),))
    (his,) = (await store.call(CREATE, request, BOB)).memories
    assert his.content == "his own"
    assert (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory.content == "her secret revenue"


@pytest.mark.usefixtures("adas")
async def test_raw_sql_without_the_setting_sees_no_row_in_any_table(store):
    tables = await store.sql(
        "select relname, relispartition, relrowsecurity, relforcerowsecurity from pg_class"
        " where relnamespace = 'memory_store'::regnamespace and relkind in ('r', 'p')"
    )
    owned = [row for row in tables if not row[1] and row[0] not in NOT_OF_USERS]
    assert {name for name, *_ in owned} == {f"memori_{table}" for table in TABLES}
    for name, _, secured, forced in owned:
        assert await store.sql(f"select count(*) from {name}", role="app") == [(0,)], name
        assert (secured, forced) == (True, True), name
    partitions = [name for name, partition, *_ in tables if partition]
    assert len(partitions) == 16
    # The policies are those of the whole: nobody may go round them to one of its parts.
    for name in partitions:
        for role in ("app", "worker"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                await store.sql(f"select count(*) from {name}", role=role)


@pytest.mark.usefixtures("adas")
async def test_the_app_role_writes_no_row_of_another_user(store):
    with pytest.raises(ProgrammingError, match="row-level security"):
        await store.sql(
            "insert into memori_conversations (tenant_id, user_id, conversation_id) values ('acme', 'ada', :id)",
            role="app",
            id=uuid4(),
        )
    with pytest.raises(ProgrammingError, match="permission denied"):
        await store.sql("select * from memori_outbox", role="app")
    for table in (*(f"memori_{table}" for table in TABLES), "memori_outbox"):
        assert (
            await store.sql(f"with gone as (delete from {table} returning tenant_id) select * from gone", role="app")
            == []
        )
    for table in TABLES:
        assert await store.sql(f"select count(*) > 0 from memori_{table}") == [(True,)], table


@pytest.mark.usefixtures("adas")
async def test_the_worker_role_may_do_what_its_work_needs_and_no_more(store):
    for table in ("memories", "memory_vectors", "memory_usage"):
        assert await store.sql(f"select count(*) from memori_{table}", role="worker") == [(1,)]
    for statement in (
        "select * from memori_conversations",
        "select * from memori_messages",
        "select * from memori_memory_terms",
        "select * from memori_memory_history",
        "update memori_memories set content = 'x'",
        "update memori_memories set user_id = 'bob'",
        "update memori_memory_history set content = 'x'",
        "delete from memori_memories",
        "delete from memori_memory_usage",
        "delete from memori_memory_history",
        "delete from memori_erasures",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            await store.sql(statement, role="worker")


async def test_another_services_schema_is_closed(store):
    others = await store.sql(
        "select nspname from pg_namespace where nspname in"
        " ('gateway', 'embedding_worker', 'entity_extractor', 'sql_generator')"
    )
    assert others
    for (schema,) in others:
        for role in ("app", "worker"):
            assert await store.sql(f"select has_schema_privilege('{schema}', 'usage')", role=role) == [(False,)]
    with pytest.raises(ProgrammingError, match="permission denied for schema"):
        await store.sql("select * from embedding_worker.memori_embeddings", role="app")
