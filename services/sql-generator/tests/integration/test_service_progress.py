"""How far a question has got, as the gateway hears it."""

import json
from uuid import uuid4

import nats
import pytest

from contracts.progress import subject_of

QUESTION = "How many orders are there?"


@pytest.fixture
async def heard(stack):
    """What is said of a progress id, and of any other."""
    client = await nats.connect(stack.nats_url)
    seen = []

    async def receive(message):
        seen.append((message.subject, json.loads(message.data)))

    await client.subscribe("progress.*", cb=receive)
    await client.flush()
    yield seen
    await client.close()


async def test_each_stage_is_said_when_it_begins(service, ada, shop, model, says, others, heard, eventually):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT price FROM orders"), says("SELECT COUNT(*) FROM orders"))
        progress_id = uuid4()
        await call.ask(ada, QUESTION, progress_id=progress_id, execute=True)
        stages = ["source", "context", "drafting", "checking", "repairing", "checking", "executing"]
        await eventually(lambda: [said["stage"] for _, said in heard] == stages)
        assert {subject for subject, _ in heard} == {subject_of(progress_id)}
        assert heard[4][1] == {"stage": "repairing", "repair": 1}
        assert all(set(said) <= {"stage", "repair"} for _, said in heard)


async def test_where_nobody_waits_nothing_is_said(service, ada, shop, model, says, others, heard):
    await others.start()
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says("SELECT COUNT(*) FROM orders"), says("SELECT COUNT(*) FROM orders"))
        await call.ask(ada, QUESTION)
        await call.ask(ada, QUESTION, progress_id=uuid4())
        assert len({subject for subject, _ in heard}) == 1
