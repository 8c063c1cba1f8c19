"""New memories are held against old ones: what says the same becomes one, of what contradicts itself one stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.events import MemoryEmbedded, event
from contracts.identity import Identity
from contracts.memory_store import CREATE_CONVERSATION, RESTORE, CreateConversation, MemoryRef
from memory_store.repository.codecs import speak_vectors
from memory_store.tables import outbox
from memory_store.use_cases.reviews import Reviews
from messaging import Outbox
from persistence import Database

ADA = Identity("acme", "ada")
BOB = Identity("acme", "bob")
SHOW, HIDE = "Always show test accounts", "Never show test accounts"


@pytest.fixture
async def review(store, settings):
    """A function to await: the review of a memory that was embedded, as the consumer makes it."""
    database = Database(settings.database_url.get_secret_value(), application="test")
    speak_vectors(database)
    reviews = Reviews(database, Outbox(outbox))

    async def run(memory, *, identity=ADA, model="test-model"):
        said = MemoryEmbedded(
            memory_id=memory.memory_id,
            memory_type=memory.memory_type,
            content_version=memory.content_version,
            model=model,
        )
        await reviews.review(event(said, tenant_id=identity.tenant_id, user_id=identity.user_id))
        return await store.read(memory, identity)

    yield run
    await database.close()


@pytest.fixture
def said(store, review):
    """A function to await: a memory of this content that is stored, embedded and reviewed."""

    async def say(content, vector=(1.0, 0.0), *more, identity=ADA, **fields):
        (memory,) = await store.remember(content, identity=identity, **({"memory_type": "rule"} | fields))
        await store.embed(memory, list(vector), *map(list, more), identity=identity)
        return await review(memory, identity=identity)

    return say


async def live(store, identity=ADA):
    return {memory.memory_id for memory in await store.listed(identity)}


async def restore(store, memory):
    return await store.call(RESTORE, MemoryRef(memory_id=memory.memory_id))


async def test_the_newer_of_two_rules_that_contradict_each_other_stays(store, observer, eventually):
    (old,) = await store.remember(SHOW, memory_type="rule")
    await store.embed(old, [1.0, 0.0])
    (new,) = await store.remember(HIDE, memory_type="rule")
    await store.embed(new, [0.9, 0.1])

    async def superseded():
        read = await store.read(old)
        assert (read.is_archived, read.archived_reason, read.superseded_by) == (True, "superseded", new.memory_id)

    await eventually(superseded)
    assert await live(store) == {new.memory_id}
    assert [hit.memory_id for hit in await store.found("test accounts")] == [new.memory_id]
    version, before = await store.versions(old)
    assert (version.change, version.changed_by) == ("superseded", "review")
    assert version.reason == f"contradicts {new.memory_id}"
    assert (before.content, before.superseded_by) == (SHOW, None)
    assert len(await store.versions(new)) == 1

    def announced():
        (data,) = observer.of_type("memory.superseded")
        assert (data.memory_id, data.superseded_by, data.reason) == (old.memory_id, new.memory_id, "superseded")

    await eventually(announced)


async def test_an_older_one_that_clearly_matters_more_stays(store, said):
    old = await said(SHOW, importance_score=0.9)
    new = await said(HIDE, importance_score=0.5)
    assert (new.is_archived, new.superseded_by) == (True, old.memory_id)
    assert await live(store) == {old.memory_id}
    newest = await said(HIDE, importance_score=0.75)
    assert await live(store) == {newest.memory_id}


async def test_what_says_the_same_becomes_one_that_knows_all(store, said, observer, eventually):
    old = await said("Prefers aliases", importance_score=0.6, context_tags=("sql", "style"))
    new = await said("The user prefers aliases.", importance_score=0.5, context_tags=("sql", "new"))
    assert (new.context_tags, new.importance_score) == (("sql", "new", "style"), 0.6)
    assert new.content == "The user prefers aliases."
    was = await store.read(old)
    assert (was.is_archived, was.archived_reason, was.superseded_by) == (True, "consolidated", new.memory_id)
    assert (await store.versions(old))[0].reason == f"says the same as {new.memory_id}"
    version = (await store.versions(new))[0]
    assert (version.change, version.changed_by) == ("consolidated", "review")
    assert version.reason == f"takes over from {old.memory_id}"
    await eventually(lambda: [d.reason for d in observer.of_type("memory.superseded")] == ["consolidated"])


async def test_nothing_new_to_know_is_no_change(store, said):
    await said("Prefers aliases", importance_score=0.5, context_tags=("sql",))
    new = await said("Prefers aliases.", importance_score=0.5, context_tags=("sql", "new"))
    assert [version.change for version in await store.versions(new)] == ["created"]


async def test_several_that_say_the_same_all_pass_on_what_they_knew(store, said):
    conversation_id = uuid4()
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    turn = {"memory_type": "long_term", "importance_score": 0.5, "conversation_id": conversation_id}
    # Turns of one conversation, so both are there.
    await said("Prefers aliases", context_tags=("a",), **turn)
    await said("Prefers aliases", context_tags=("b",), **turn)
    assert len(await live(store)) == 2
    new = await said("Prefers aliases", memory_type="long_term", importance_score=0.4, context_tags=("c",))
    assert await live(store) == {new.memory_id}
    assert set(new.context_tags) == {"a", "b", "c"}
    assert new.importance_score == 0.5


@pytest.mark.parametrize("longer", [None, timedelta(days=60)], ids=["for ever", "longer"])
async def test_what_is_taken_over_lasts_as_long_as_it_would_have(store, said, embedding, longer):
    now = datetime.now(UTC)
    old = await said("Prefers aliases", expires_at=longer and now + longer)
    new = await said("Prefers aliases", expires_at=now + timedelta(days=1))
    assert await live(store) == {new.memory_id}
    assert new.expires_at == old.expires_at
    await store.age(new, days=2)
    (hit,) = await store.found("zzz", embedding=embedding([1.0, 0.0]))
    assert hit.memory_id == new.memory_id
    newest = await said("Prefers aliases", expires_at=None)
    assert newest.expires_at is None


async def test_tags_are_taken_over_as_far_as_there_is_room(store, said):
    await said("Prefers aliases", context_tags=tuple(f"old {n}" for n in range(50)))
    new = await said("Prefers aliases", context_tags=tuple(f"new {n}" for n in range(30)))
    assert new.context_tags[:30] == tuple(f"new {n}" for n in range(30))
    assert len(new.context_tags) == 50


async def test_what_its_user_brought_back_is_left_alone(store, said, review):
    old = await said(SHOW)
    new = await said(HIDE)
    await restore(store, old)
    assert not (await review(new)).is_archived
    assert await live(store) == {old.memory_id, new.memory_id}
    # Also by what comes later, and after a change that does not touch what it says.
    await store.update(old, context_tags=("kept",))
    third = await said(HIDE)
    assert await live(store) == {old.memory_id, third.memory_id}
    fourth = await said(SHOW)
    assert await live(store) == {old.memory_id, fourth.memory_id}


async def test_what_was_brought_back_and_then_says_something_else_is_reviewed_again(store, said, review):
    old = await said("Always show internal accounts")
    new = await said("Never show internal accounts")
    await restore(store, old)
    changed = await store.update(old, content=SHOW)
    await store.embed(changed, [1.0, 0.0])
    await review(changed)
    third = await said(HIDE)
    assert await live(store) == {new.memory_id, third.memory_id}


async def test_turns_of_one_conversation_stay_but_not_its_rules(store, said):
    conversation_id = uuid4()
    await store.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
    turns = [await said("Prefers aliases", memory_type="short_term", conversation_id=conversation_id) for _ in range(2)]
    assert await live(store) == {turn.memory_id for turn in turns}
    await said(SHOW, conversation_id=conversation_id)
    rule = await said(HIDE, conversation_id=conversation_id)
    assert await live(store) == {rule.memory_id, *(turn.memory_id for turn in turns)}


async def test_memories_that_differ_in_kind_stay(store, said):
    kept = {
        (await said("Prefers aliases", memory_type=memory_type)).memory_id
        for memory_type in ("rule", "long_term", "short_term", "entity", "relationship")
    }
    kept.add((await said("Prefers aliases", [0.0, 1.0])).memory_id)
    assert await live(store) == kept


async def test_what_is_shared_is_no_substitute_for_what_is_private(store, said):
    shared = await said("Prefers aliases", visibility="tenant")
    private = await said("Prefers aliases")
    assert await live(store) == {shared.memory_id, private.memory_id}


async def test_nobody_elses_memory_is_touched(store, said):
    hers = await said(SHOW, visibility="tenant")
    his = await said(HIDE, identity=BOB, visibility="tenant")
    elsewhere = Identity("other", "ada")
    theirs = await said(HIDE, identity=elsewhere)
    assert await live(store) == {hers.memory_id}
    assert await live(store, BOB) == {his.memory_id}
    assert await live(store, elsewhere) == {theirs.memory_id}


async def test_archived_and_expired_memories_take_no_part(store, said):
    expired = await said(SHOW, expires_at=datetime.now(UTC) + timedelta(days=1))
    await store.age(expired, days=2)
    superseded = await said("Always hide totals")
    winner = await said("Always show totals")
    new = await said(HIDE)
    again = await said("Always show totals")
    assert await live(store) == {new.memory_id, again.memory_id}
    assert (await store.read(expired)).superseded_by is None
    assert (await store.read(superseded)).superseded_by == winner.memory_id


async def test_a_review_that_comes_again_finds_nothing_left_to_do(store, said, review):
    old = await said(SHOW)
    new = await said(HIDE)
    for memory in (new, old, new):
        await review(memory)
    assert len(await store.versions(old)) == 2
    assert len(await store.versions(new)) == 1


async def test_a_review_of_a_past_content_is_left_out(store, said, review):
    old = await said(SHOW)
    new = await said("Always show internal accounts")
    changed = await store.update(new, content=HIDE)
    await review(new)
    assert not (await store.read(old)).is_archived
    await store.embed(changed, [1.0, 0.0])
    await review(changed)
    assert (await store.read(old)).superseded_by == new.memory_id


async def test_a_memory_in_pieces_is_superseded_once(store, said):
    content = "売上は税抜きで表示する、返品は含めない。" * 20
    old = await said(content, [1.0, 0.0], [0.9, 0.1])
    new = await said(content, [1.0, 0.0], [0.9, 0.1])
    assert await live(store) == {new.memory_id}
    assert [version.change for version in await store.versions(old)] == ["consolidated", "created"]


async def test_nearer_memories_of_other_kinds_hide_nothing(store, said):
    old = await said(SHOW, [0.9, 0.1])
    for memory_type in ("short_term", "long_term", "entity"):
        for _ in range(10):
            (near,) = await store.remember(f"asked about test accounts {uuid4()}", memory_type=memory_type)
            await store.embed(near, [1.0, 0.0])
    new = await said(HIDE, [1.0, 0.0])
    assert (await store.read(old)).superseded_by == new.memory_id


async def test_vectors_of_another_length_are_not_compared(store, said):
    old = await said(SHOW, [1.0, 0.0])
    new = await said(HIDE, [1.0, 0.0, 0.0])
    assert await live(store) == {old.memory_id, new.memory_id}


async def test_the_same_said_many_times_at_once_is_kept_once(store, eventually):
    stored = await asyncio.gather(*(store.remember("Prefers aliases", memory_type="rule") for _ in range(10)))
    await asyncio.gather(*(store.embed(memory, [1.0, 0.0]) for (memory,) in stored))

    async def one_is_left():
        assert len(await live(store)) == 1

    await eventually(one_is_left)
    (kept,) = await live(store)
    for (memory,) in stored:
        read = await store.read(memory)
        assert read.is_archived == (memory.memory_id != kept)
        assert [v.change for v in await store.versions(memory)].count("consolidated") == read.is_archived
