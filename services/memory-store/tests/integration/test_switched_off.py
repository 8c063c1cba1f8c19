"""MEMORI_ENABLED=false: nothing is stored, nothing recalled; what is there can be read, and go."""

from uuid import uuid4

import pytest

from contracts.memory_store import (
    APPEND_MESSAGES,
    CREATE,
    CREATE_CONVERSATION,
    DELETE,
    RECALL,
    SERVICE,
    AppendMessages,
    CreateConversation,
    CreateMemories,
    MemoryRef,
    NewMemory,
    NewMessage,
    Recall,
)
from contracts.methods import Empty
from contracts.personal_data import ExportData, erase_of, export_of
from memory_store.main import running


@pytest.fixture
def switched_off(settings):
    return settings.model_copy(update={"memori_enabled": False})


@pytest.fixture
async def before(client, settings):
    """What was stored before it was switched off: a memory, and an open conversation."""
    conversation_id = uuid4()
    async with running(settings):
        await client.call(CREATE_CONVERSATION, CreateConversation(conversation_id=conversation_id))
        (memory,) = await client.remember("net revenue")
        await client.embed(memory, [1.0, 0.0])
    return memory, conversation_id


async def test_nothing_is_stored(client, before, switched_off, refused):
    _, conversation_id = before
    turn = NewMessage(message_id=uuid4(), role="user", content="x")
    async with running(switched_off):
        for method, request in (
            (CREATE, CreateMemories(memories=(NewMemory(memory_id=uuid4(), content="x y"),))),
            (APPEND_MESSAGES, AppendMessages(conversation_id=conversation_id, messages=(turn,))),
        ):
            with refused("conflict") as found:
                await client.call(method, request)
            assert "MEMORI_ENABLED" in found.value.problem.detail
    assert await client.sql("select count(*) from memori_memories") == [(1,)]
    assert await client.sql("select count(*) from memori_messages") == [(0,)]


async def test_nothing_is_recalled(client, before, switched_off, embedding):
    async with running(switched_off):
        for question in (
            Recall(question="revenue"),
            Recall(question="zzz", embedding=embedding([1.0, 0.0])),
        ):
            reply = await client.call(RECALL, question)
            assert (reply.memories, reply.degraded) == ((), False)


async def test_what_is_there_can_be_read_and_go(client, before, switched_off):
    memory, _ = before
    async with running(switched_off):
        assert (await client.read(memory)).content == "net revenue"
        assert len(await client.found("revenue")) == 1
        page = await client.call(export_of(SERVICE), ExportData())
        assert len(page.rows) == 1
        await client.call(DELETE, MemoryRef(memory_id=memory.memory_id))
        await client.call(erase_of(SERVICE), Empty())
    assert await client.sql("select count(*) from memori_memories") == [(0,)]
