"""Sensitive memories: sealed at rest, found by id and by tag, and never by what they say."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import IntegrityError

from contracts.identity import Identity, service_identity
from contracts.memory_store import (
    CREATE,
    DELETE,
    FETCH_CONTENTS,
    FIND_UNEMBEDDED,
    GET,
    HISTORY,
    PROMOTE,
    RECALL,
    RESTORE,
    UPDATE,
    CreateMemories,
    FetchContents,
    FindUnembedded,
    GetMemory,
    ListHistory,
    MemoryRef,
    NewMemory,
    OwnedMemory,
    Recall,
    UpdateMemory,
)
from memory_store.main import running

WORKER = service_identity("embedding-worker")
CONTENT = "the passphrase is Zebrafink-4711 für Müller 秘密"
PARTS = ("Zebrafink", "Müller", "秘密", "Ocelot", "Quokka")
"""Of the content, of the metadata (a key and a value), of the entities."""


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"memory_sweep_seconds": 0.05})


@pytest.fixture
async def secret(store):
    """A sensitive memory."""
    (memory,) = await store.remember(
        CONTENT,
        sensitive=True,
        metadata={"Ocelot": ["Quokka", {"n": 1}]},
        related_entities=("Quokka",),
        context_tags=("vault",),
        importance_score=0.5,
    )
    return memory


@pytest.fixture
def traces(store, observer):
    """A function to await: where in the schema, and in what was said, something of the secret is to be read."""

    async def look():
        tables = await store.sql(
            "select relname from pg_class where relnamespace = 'memory_store'::regnamespace and relkind in ('r', 'p')"
        )
        found = []
        for (table,) in tables:
            for part in PARTS:
                rows = await store.sql(
                    f"select count(*) from {table} t where t::text ilike :plain or t::text like :hexed",
                    plain=f"%{part}%",
                    hexed=f"%{part.encode().hex()}%",
                )
                found += [(table, part)] if rows != [(0,)] else []
        said = "".join(event.model_dump_json() for event in observer.events)
        return found + [("events", part) for part in PARTS if part in said]

    return look


async def test_it_is_answered_in_full_to_its_user(store, secret):
    assert (secret.content, secret.sensitive, secret.visibility) == (CONTENT, True, "private")
    assert secret.metadata == {"Ocelot": ["Quokka", {"n": 1}]}
    assert secret.related_entities == ("Quokka",)
    assert await store.read(secret) == secret
    again = CreateMemories(memories=(NewMemory(memory_id=secret.memory_id, content="too late"),))
    assert (await store.call(CREATE, again)).memories == (secret,)


async def test_nothing_of_it_is_kept_or_said_in_plain_text(store, observer, secret, traces, eventually):
    await store.update(secret, content=f"{CONTENT}, changed", metadata={"Quokka": "Ocelot"})
    await store.update(secret, importance_score=0.9, context_tags=("vault", "more"))
    await store.call(DELETE, MemoryRef(memory_id=(await store.remember("Zebrafink", sensitive=True))[0].memory_id))

    def announced():
        assert len(observer.of_type("memory.created")) == 2
        assert len(observer.of_type("memory.updated")) == 2
        assert len(observer.of_type("memory.deleted")) == 1

    await eventually(announced)
    assert await traces() == []
    assert {data.content_hash for data in observer.of_type("memory.created")} == {None}
    assert {data.content_hash for data in observer.of_type("memory.updated")} == {None}
    rows = await store.sql("select content, content_hash, length, related_entities, metadata from memori_memories")
    assert rows == [(None, None, 0, [], {})]
    assert await store.sql("select count(*) from memori_memory_terms") == [(0,)]


async def test_the_looking_itself_finds_what_is_there(store, traces):
    await store.remember("Zebrafink", metadata={"Ocelot": 1}, related_entities=("Quokka",))
    found = await traces()
    assert {part for table, part in found if table == "memori_memories"} == {"Zebrafink", "Ocelot", "Quokka"}
    assert ("memori_memory_terms", "Zebrafink") in found


async def test_two_of_the_same_content_do_not_look_alike(store):
    await store.remember(CONTENT, CONTENT, sensitive=True)
    assert await store.sql("select count(distinct sealed) from memori_memories") == [(2,)]


async def test_it_is_found_by_its_tag_and_never_by_search(store, secret, embedding):
    (other,) = await store.remember("the passphrase is public", context_tags=("vault",))
    listed = await store.listed(tags=("vault",))
    assert listed == (other, secret)
    given = embedding([1.0, 0.0])
    for narrowed in ({}, {"tags": ("vault",)}, {"include_archived": True}, {"embedding": given, "min_similarity": -1}):
        assert [hit.memory_id for hit in await store.found("passphrase Zebrafink", **narrowed)] == [other.memory_id]
    for question in (Recall(question="passphrase Zebrafink"), Recall(question="passphrase", embedding=given)):
        recalled = (await store.call(RECALL, question)).memories
        assert [memory.memory_id for memory in recalled] == [other.memory_id]


async def test_no_service_is_given_it_and_none_can_embed_it(store, secret):
    owned = OwnedMemory(tenant_id="acme", user_id="ada", memory_id=secret.memory_id)
    contents = await store.call(FETCH_CONTENTS, FetchContents(memories=(owned,)), WORKER)
    assert (contents.contents, contents.gone) == ((), (owned,))
    assert (await store.call(FIND_UNEMBEDDED, FindUnembedded(model="test-model"), WORKER)).memories == ()
    assert await store.embed(secret, [1.0, 0.0]) == 0
    assert await store.sql("select count(*) from memori_memory_vectors") == [(0,)]


async def test_it_is_changed_like_any_other(store, secret, refused):
    changed = await store.update(secret, metadata={"more": 1})
    assert (changed.content, changed.content_version, changed.revision) == (CONTENT, 1, 2)
    assert changed.metadata == secret.metadata | {"more": 1}
    assert changed.related_entities == ("Quokka",)
    changed = await store.update(secret, content="another", context_tags=("t",), importance_score=0.7)
    assert (changed.content, changed.content_version, changed.revision) == ("another", 2, 3)
    assert (changed.context_tags, changed.importance_score) == (("t",), 0.7)
    assert changed.metadata == secret.metadata | {"more": 1}
    await store.update(secret, content="another", metadata={"more": 1}, context_tags=("t",))
    versions = await store.versions(secret)
    assert [version.revision for version in versions] == [3, 2, 1]
    assert [version.content for version in versions] == ["another", CONTENT, CONTENT]
    assert [version.metadata for version in versions] == [
        secret.metadata | {"more": 1},
        secret.metadata | {"more": 1},
        secret.metadata,
    ]
    with refused("invalid", "visibility"):
        await store.update(secret, visibility="tenant")
    assert await store.read(secret) == changed


def test_it_cannot_be_shared_from_the_start():
    with pytest.raises(ValidationError, match="must be private"):
        NewMemory(memory_id=uuid4(), content="x", sensitive=True, visibility="tenant")


async def test_it_lives_as_others_do(store, eventually):
    (memory,) = await store.remember(CONTENT, sensitive=True, memory_type="short_term", importance_score=0.5)
    reference = MemoryRef(memory_id=memory.memory_id)
    assert (await store.call(PROMOTE, reference)).content == CONTENT
    assert (await store.call(RESTORE, reference)).memory_type == "short_term"
    await store.age(memory, days=8)

    async def expired():
        read = await store.read(memory)
        assert (read.archived_reason, read.content) == ("expired", CONTENT)

    await eventually(expired)
    restored = await store.call(RESTORE, reference)
    assert (restored.is_archived, restored.content) == (False, CONTENT)
    assert restored.expires_at > datetime.now(UTC) + timedelta(days=6)
    assert {version.content for version in await store.versions(memory)} == {CONTENT}
    await store.call(DELETE, reference)
    assert {version.content for version in await store.versions(memory)} == {None}
    assert await store.sql("select count(sealed) from memori_memory_history") == [(0,)]


async def test_a_content_of_any_script_and_length_comes_back(store):
    for content in ("😀" * 10_000, "\u202eשלום\u2028", " ", "a < b && 'c'"):
        (memory,) = await store.remember(content, sensitive=True)
        assert (await store.read(memory)).content == content


async def test_another_key_opens_nothing_and_says_nothing(client, settings, refused):
    new = NewMemory(memory_id=uuid4(), content=CONTENT, sensitive=True)
    plain = NewMemory(memory_id=uuid4(), content="in plain text")
    async with running(settings):
        stored, _ = (await client.call(CREATE, CreateMemories(memories=(new, plain)))).memories
    async with running(with_key(settings, "t")):
        for method, request in (
            (GET, GetMemory(memory_id=new.memory_id)),
            (HISTORY, ListHistory(memory_id=new.memory_id)),
            (UPDATE, UpdateMemory(memory_id=new.memory_id, content="x")),
        ):
            with refused("failed") as found:
                await client.call(method, request)
            assert "Zebrafink" not in found.value.problem.model_dump_json()
        assert (await client.read(plain)).content == "in plain text"
    async with running(with_key(settings, "t", previous="s")):
        assert await client.read(new) == stored
        await client.update(new, content="sealed anew")
    async with running(with_key(settings, "t")):
        assert (await client.read(new)).content == "sealed anew"


def with_key(settings, letter, previous=None):
    keys = {"secret_key": SecretStr(letter * 32), "secret_key_previous": previous and SecretStr(previous * 32)}
    return settings.model_copy(update=keys)


async def test_it_opens_only_as_the_memory_it_was_sealed_for(store, secret, refused):
    (other,) = await store.remember("another", sensitive=True)
    await store.sql(
        "update memori_memories set sealed = (select sealed from memori_memories where memory_id = :one)"
        " where memory_id = :other",
        one=secret.memory_id,
        other=other.memory_id,
    )
    with refused("failed"):
        await store.read(other)
    await store.sql("update memori_memories set user_id = 'bob' where memory_id = :id", id=secret.memory_id)
    with refused("failed"):
        await store.read(secret, Identity("acme", "bob"))


async def test_the_database_holds_that_it_is_sealed(store, secret):
    for change in (
        "content = 'x'",
        "content_hash = 'x'",
        "sealed = null",
        "sensitive = false",
        "metadata = '{\"a\": 1}'",
        "related_entities = '{x}'",
        "visibility = 'tenant'",
    ):
        with pytest.raises(IntegrityError):
            await store.sql(f"update memori_memories set {change} where memory_id = :id", id=secret.memory_id)
