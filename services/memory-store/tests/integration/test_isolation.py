"""What one user can never see of another, whichever way they ask."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import ProgrammingError

from contracts.identity import Identity
from contracts.memory_store import (
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    DELETE_CONVERSATION,
    GET,
    GET_CONVERSATION,
    LIST_CONVERSATIONS,
    RECALL,
    SEARCH,
    UPDATE,
    ConversationRef,
    CreateConversation,
    CreateMemories,
    GetMemory,
    ListConversations,
    MemoryRef,
    NewMemory,
    Recall,
    Search,
    UpdateMemory,
)
from contracts.methods import ProblemError

BOB = Identity("acme", "bob")
ADA_ELSEWHERE = Identity("other", "ada")
TABLES = ("conversations", "memories", "memory_vectors", "memory_usage", "memory_terms")


@pytest.fixture
async def adas(store, eventually):
    """A conversation and a memory of Ada's, with a row in every table."""
    conversation = await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=uuid4(), title="hers"))
    (memory,) = await store.remember("her secret revenue", conversation_id=conversation.conversation_id)
    await store.embed(memory, [1.0, 0.0])
    await store.call(SEARCH, Search(query="revenue"))

    async def every_table_has_a_row():
        for table in TABLES:
            assert await store.sql(f"select count(*) > 0 from memori_{table}") == [(True,)], table

    await eventually(every_table_has_a_row)
    return conversation, memory


@pytest.mark.parametrize("stranger", [BOB, ADA_ELSEWHERE], ids=["another user", "the same name in another tenant"])
async def test_a_stranger_finds_none_of_it_by_any_method(store, adas, packed, stranger):
    conversation, memory = adas
    for method, request in (
        (GET, GetMemory(memory_id=memory.memory_id, include_embedding=True)),
        (UPDATE, UpdateMemory(memory_id=memory.memory_id, content="mine now")),
        (DELETE, MemoryRef(memory_id=memory.memory_id)),
        (GET_CONVERSATION, ConversationRef(conversation_id=conversation.conversation_id)),
        (DELETE_CONVERSATION, ConversationRef(conversation_id=conversation.conversation_id)),
        (
            CREATE,
            CreateMemories(
                memories=(
                    NewMemory(memory_id=uuid4(), content="smuggled", conversation_id=conversation.conversation_id),
                )
            ),
        ),
    ):
        with pytest.raises(ProblemError) as refused:
            await store.call(method, request, stranger)
        assert refused.value.problem.type == "not-found", method.verb
        assert refused.value.problem.errors, method.verb
    listed = await store.call(LIST_CONVERSATIONS, ListConversations(), stranger)
    assert listed.conversations == ()
    by_all_means = {"embedding": packed([1.0, 0.0]), "embedding_model": "test-model"}
    found = await store.call(
        SEARCH, Search(query="secret revenue", min_similarity=-1.0, include_archived=True, **by_all_means), stranger
    )
    assert found.results == ()
    assert (await store.call(RECALL, Recall(question="secret revenue", **by_all_means), stranger)).memories == ()
    assert (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory.content == "her secret revenue"


async def test_two_users_may_use_the_same_id(store, adas):
    _, memory = adas
    request = CreateMemories(memories=(NewMemory(memory_id=memory.memory_id, content="his own"),))
    (his,) = (await store.call(CREATE, request, BOB)).memories
    assert his.content == "his own"
    assert (await store.call(GET, GetMemory(memory_id=memory.memory_id))).memory.content == "her secret revenue"


@pytest.mark.usefixtures("adas")
async def test_raw_sql_without_the_setting_sees_no_row_in_any_table(store):
    owned = await store.sql(
        "select table_name from information_schema.tables where table_schema = 'memory_store'"
        " and table_name not in ('memori_outbox', 'memori_schema_version')"
    )
    assert {name for (name,) in owned} == {f"memori_{table}" for table in TABLES}
    for (name,) in owned:
        assert await store.sql(f"select count(*) from {name}", role="app") == [(0,)], name
        assert await store.sql(
            f"select relrowsecurity, relforcerowsecurity from pg_class where oid = '{name}'::regclass"
        ) == [(True, True)], name


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


@pytest.mark.usefixtures("adas")
async def test_the_worker_role_may_do_what_its_work_needs_and_no_more(store):
    for table in ("memories", "memory_vectors", "memory_usage"):
        assert await store.sql(f"select count(*) from memori_{table}", role="worker") == [(1,)]
    for statement in (
        "select * from memori_conversations",
        "select * from memori_memory_terms",
        "update memori_memories set content = 'x'",
        "delete from memori_memories",
        "delete from memori_memory_vectors",
        "delete from memori_memory_usage",
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
