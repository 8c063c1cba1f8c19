"""What members of a tenant share, where the deployment allows it, and what stays theirs alone."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from contracts.identity import Identity
from contracts.memory_store import (
    ARCHIVE,
    CREATE,
    DELETE,
    GET,
    HISTORY,
    PROMOTE,
    RECALL,
    RESTORE,
    SERVICE,
    STATISTICS,
    UPDATE,
    ArchiveMemories,
    CreateMemories,
    GetMemory,
    ListHistory,
    MemoryRef,
    NewMemory,
    Recall,
    UpdateMemory,
)
from contracts.methods import Empty
from contracts.personal_data import ExportData, export_of
from persistence import Database

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")
EVE = Identity("other", "bob")
VIEWS = ("shared_memories", "shared_memory_vectors", "shared_memory_terms")
TABLES = ("memories", "memory_vectors", "memory_terms", "memory_usage", "memory_history", "messages", "conversations")


@pytest.fixture
def settings(settings, request):
    level = getattr(request, "param", "relaxed")
    return settings.model_copy(update={"tenant_isolation_level": level})


@pytest.fixture
async def shared(store):
    """What Ada shares."""
    (memory,) = await store.remember("shared revenue", visibility="tenant", memory_type="rule", context_tags=("t",))
    await store.embed(memory, [1.0, 0.0])
    return memory


@pytest.fixture
async def private(store):
    """What Ada keeps to herself."""
    (memory,) = await store.remember("private revenue", memory_type="rule", context_tags=("t",))
    await store.embed(memory, [1.0, 0.0])
    await store.remember("sealed revenue", sensitive=True, context_tags=("t",))
    return memory


async def seen(store, identity, embedding):
    """The memories somebody gets to see, by each way of looking."""
    given = embedding([1.0, 0.0])
    recalled = await store.call(RECALL, Recall(question="revenue"), identity)
    nearest = await store.call(RECALL, Recall(question="zzz", embedding=given), identity)
    return {
        "words": {hit.memory_id for hit in await store.found("revenue", identity)},
        "meaning": {hit.memory_id for hit in await store.found("zzz", identity, embedding=given)},
        "everything": {
            hit.memory_id
            for hit in await store.found(
                "revenue", identity, embedding=given, min_similarity=-1, include_archived=True, tags=("t",)
            )
        },
        "recall": {memory.memory_id for memory in recalled.memories},
        "recall by meaning": {memory.memory_id for memory in nearest.memories},
        "list": {memory.memory_id for memory in await store.listed(identity, visibility="tenant", tags=("t",))},
    }


def everywhere(found, expected):
    return all(ids == expected for ids in found.values())


@pytest.mark.usefixtures("private")
async def test_a_member_gets_to_see_what_another_shares_and_nothing_else(store, shared, embedding):
    found = await seen(store, BOB, embedding)
    assert everywhere(found, {shared.memory_id})
    read = await store.call(GET, GetMemory(memory_id=shared.memory_id, include_embedding=True), BOB)
    assert read.memory.content == "shared revenue"
    assert (read.memory.mine, read.memory.visibility) == (False, "tenant")
    assert read.embedding_model == "test-model"
    (hit,) = await store.found("revenue", BOB)
    assert (hit.mine, hit.embedded, hit.content) == (False, True, "shared revenue")
    (listed,) = await store.listed(BOB, visibility="tenant")
    assert (listed.memory_id, listed.mine) == (shared.memory_id, False)


async def test_what_is_private_is_not_found_by_its_id_either(store, shared, private, refused):
    with refused("not-found", "memory_id"):
        await store.read(private, BOB)
    with refused("not-found", "memory_id"):
        await store.read(shared, EVE)


async def test_ones_own_memories_are_found_beside_those_of_others(store, shared, embedding):
    own, open_to_all = await store.remember("my revenue", "our revenue", identity=BOB, context_tags=("t",))
    for memory, vector in ((own, [0.9, 0.1]), (open_to_all, [0.8, 0.2])):
        await store.embed(memory, vector, identity=BOB)
    await store.update(open_to_all, BOB, visibility="tenant")
    found = await seen(store, BOB, embedding)
    assert found.pop("list") == {shared.memory_id, open_to_all.memory_id}
    assert everywhere(found, {own.memory_id, open_to_all.memory_id, shared.memory_id})
    assert {hit.memory_id: hit.mine for hit in await store.found("revenue", BOB)} == {
        own.memory_id: True,
        open_to_all.memory_id: True,
        shared.memory_id: False,
    }
    # Without the word, a list is of one's own.
    assert {memory.memory_id for memory in await store.listed(BOB)} == {own.memory_id, open_to_all.memory_id}
    assert {memory.memory_id for memory in await store.listed(BOB, visibility="private")} == {own.memory_id}


@pytest.mark.usefixtures("private")
async def test_another_tenant_sees_nothing(store, shared, embedding):
    found = await seen(store, EVE, embedding)
    assert everywhere(found, set())
    assert all(shared.memory_id in ids for ids in (await seen(store, ADA, embedding)).values())


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("settings", ["strict"], indirect=True)
async def test_a_strict_deployment_shares_nothing(store, shared, embedding, refused):
    for stranger in (BOB, EVE):
        found = await seen(store, stranger, embedding)
        assert everywhere(found, set())
        with refused("not-found", "memory_id"):
            await store.read(shared, stranger)
    assert all(shared.memory_id in ids for ids in (await seen(store, ADA, embedding)).values())
    assert [memory.memory_id for memory in await store.listed(visibility="tenant")] == [shared.memory_id]


@pytest.mark.usefixtures("private")
async def test_nobody_changes_or_deletes_what_is_shared_with_them(store, shared, refused):
    reference = {"memory_id": shared.memory_id}
    for method, request in (
        (UPDATE, UpdateMemory(**reference, content="mine now")),
        (UPDATE, UpdateMemory(**reference, visibility="private")),
        (DELETE, MemoryRef(**reference)),
        (PROMOTE, MemoryRef(**reference)),
        (RESTORE, MemoryRef(**reference)),
        (HISTORY, ListHistory(**reference)),
    ):
        with refused("not-found", "memory_id"):
            await store.call(method, request, BOB)
    assert (await store.call(ARCHIVE, ArchiveMemories(days_threshold=1), BOB)).archived_count == 0
    assert (await store.call(STATISTICS, Empty(), BOB)).total_memories == 0
    assert await store.read(shared) == shared.model_copy(update={"embedded": True})


@pytest.mark.usefixtures("shared", "private")
async def test_what_is_shared_is_in_nobody_elses_export(store):
    page = await store.call(export_of(SERVICE), ExportData(), BOB)
    while True:
        assert page.rows == ()
        if page.next_cursor is None:
            break
        page = await store.call(export_of(SERVICE), ExportData(cursor=page.next_cursor), BOB)


async def test_sharing_and_no_longer_sharing_take_effect_at_once(store, private, embedding, refused):
    await store.update(private, visibility="tenant")
    found = await seen(store, BOB, embedding)
    assert everywhere(found, {private.memory_id})
    await store.update(private, visibility="private")
    found = await seen(store, BOB, embedding)
    assert everywhere(found, set())
    with refused("not-found", "memory_id"):
        await store.read(private, BOB)
    assert [version.visibility for version in await store.versions(private)] == ["private", "tenant", "private"]


async def test_what_is_shared_is_found_by_its_new_content_only(store, shared, embedding):
    changed = await store.update(shared, content="shared costs")
    assert await store.found("revenue", BOB) == ()
    assert await store.found("zzz", BOB, embedding=embedding([1.0, 0.0])) == ()
    await store.embed(changed, [0.0, 1.0])
    (hit,) = await store.found("costs", BOB, embedding=embedding([0.0, 1.0]))
    assert hit.matched_by == ("vector", "text")


async def test_what_is_archived_or_deleted_is_shared_no_longer(store, shared, embedding):
    (expiring,) = await store.remember("expired revenue", visibility="tenant", memory_type="short_term")
    await store.embed(expiring, [1.0, 0.0])
    await store.age(expiring, days=8)
    assert {hit.memory_id for hit in await store.found("revenue", BOB)} == {shared.memory_id}
    assert {hit.memory_id for hit in await store.found("zzz", BOB, embedding=embedding([1.0, 0.0]))} == {
        shared.memory_id
    }
    await store.call(DELETE, MemoryRef(memory_id=shared.memory_id))
    found = await seen(store, BOB, embedding)
    assert everywhere(found, set())


async def test_what_a_member_finds_counts_for_its_owner_but_not_their_conversation(store, shared, eventually):
    await store.found("revenue", BOB, asked_in=uuid4())

    async def counted():
        rows = await store.sql("select tenant_id, user_id, access_count, conversations from memori_memory_usage")
        assert rows == [("acme", "ada", 1, [])]

    await eventually(counted)


async def test_the_same_id_of_two_users_means_ones_own_first(store, shared, refused):
    request = CreateMemories(memories=(NewMemory(memory_id=shared.memory_id, content="his own costs"),))
    (his,) = (await store.call(CREATE, request, BOB)).memories
    assert (await store.read(shared, BOB)).content == "his own costs"
    assert (await store.read(shared, BOB)).mine
    assert (await store.read(shared)).content == "shared revenue"
    assert {(hit.content, hit.mine) for hit in await store.found("revenue costs", BOB)} == {
        ("his own costs", True),
        ("shared revenue", False),
    }
    await store.update(his, BOB, content="his own margin")
    await store.call(DELETE, MemoryRef(memory_id=his.memory_id), BOB)
    assert (await store.read(shared)).content == "shared revenue"
    assert (await store.read(shared, BOB)).content == "shared revenue"


@pytest.mark.usefixtures("shared", "private")
async def test_the_database_itself_shares_only_where_the_deployment_says_so(settings):
    """What row-level security lets through, under each setting, with no condition of ours."""
    seen = {}
    for name, identity, configured in (
        ("member", BOB, {"app.sharing": "on"}),
        ("member of a strict deployment", BOB, {}),
        ("member with another value", BOB, {"app.sharing": "yes"}),
        ("stranger", EVE, {"app.sharing": "on"}),
        ("nobody", Identity("", ""), {"app.sharing": "on"}),
    ):
        database = Database(settings.database_url.get_secret_value(), application="test", settings=configured)
        async with database.transaction(tenant_id=identity.tenant_id, user_id=identity.user_id) as transaction:
            seen[name] = [
                (await transaction.execute(text(f"select count(*) from memori_{table}"))).scalar_one()
                for table in (*VIEWS, *TABLES)
            ]
            changed = await transaction.execute(text("update memori_memories set content = 'x'"))
            deleted = await transaction.execute(text("delete from memori_memory_vectors"))
            assert (changed.rowcount, deleted.rowcount) == (0, 0), name
        for view in VIEWS:
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with database.transaction(tenant_id=identity.tenant_id, user_id=identity.user_id) as transaction:
                    await transaction.execute(text(f"delete from memori_{view}"))
        await database.close()
    assert seen.pop("member") == [1, 1, 2, *[0] * len(TABLES)]
    assert seen == {name: [0] * (len(VIEWS) + len(TABLES)) for name in seen}
