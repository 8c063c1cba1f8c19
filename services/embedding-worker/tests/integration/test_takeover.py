"""Another model takes over: the worker starts again with it while questions go on, and older vectors still count."""

import asyncio
import time

import numpy as np
import pytest

from memori_testing.model_server import Hang, Status

MINILM = "all-MiniLM-L6-v2"
ADA_002 = "text-embedding-ada-002"


@pytest.fixture
async def embedded_by_minilm(worker, settings, memories, eventually):
    """Memories that the local model has embedded; the reconciler of whoever comes next waits for its first answer."""
    ids = {memories.add_lost(f"memory {n} about topic {n % 7}") for n in range(60)}
    async with worker(settings()):
        await eventually(lambda: memories.covered(MINILM) == ids, timeout=30)
    memories.may_be_found.clear()
    return ids


@pytest.fixture
async def embedded_by_ada(worker, remote, memories, eventually):
    """The same, by the remote model."""
    ids = {memories.add_lost(f"memory {n} about topic {n % 7}") for n in range(60)}
    async with worker(remote()):
        await eventually(lambda: memories.covered(ADA_002) == ids, timeout=30)
    memories.may_be_found.clear()
    return ids


async def models_of(client, question):
    answer = await client.embed(question)
    return [answer.model, *(other.model for other in answer.others)]


async def both_answer(client, newer, older):
    assert await models_of(client, "which topic?") == [newer, older]


@pytest.mark.timeout(90)
async def test_both_vectors_answer_until_the_new_model_covers_everything_while_questions_go_on(
    worker, remote, client, memories, embedded_by_minilm, eventually
):
    answers, over = [], asyncio.Event()

    async def ask_on():
        for number in range(100_000):
            if over.is_set():
                return
            answers.append(await models_of(client, f"question {number}"))

    async with worker(remote(embedding_reconcile_seconds=0.2)):
        asking = asyncio.create_task(ask_on())
        await eventually(lambda: both_answer(client, ADA_002, MINILM), timeout=30)
        assert (await client.reembed()).others == (MINILM,)
        asked = await client.embed("memory 7 about topic 0")
        (older,) = asked.others
        assert (asked.dimensions, older.dimensions, older.min_similarity) == (1536, 384, 0.2)
        vectors = {memory_id: memories.vectors[memory_id, MINILM][0] for memory_id in embedded_by_minilm}
        nearest = max(vectors, key=lambda memory_id: np.frombuffer(older.embedding, "<f4") @ vectors[memory_id])
        assert memories.held[nearest].content == "memory 7 about topic 0"

        memories.may_be_found.set()

        await eventually(lambda: memories.covered(ADA_002) == embedded_by_minilm, timeout=30)
        await eventually(lambda: answers[-1] == [ADA_002], timeout=30)
        over.set()
        await asking
        assert (await client.reembed()).catching_up is False
    assert [ADA_002, MINILM] in answers


async def test_a_remote_model_answers_after_the_local_one_took_over(
    worker, remote, settings, provider, client, embedded_by_ada, eventually
):
    known = {"openai_base_url": f"{provider.url}/v1", "openai_api_key": "k"}
    async with worker(settings(**known)):
        await eventually(lambda: both_answer(client, MINILM, ADA_002), timeout=30)
        reembedding = await client.reembed()
        assert (reembedding.model, reembedding.others, reembedding.catching_up) == (MINILM, (ADA_002,), True)


async def test_a_remote_model_without_key_or_endpoint_is_done_without(
    worker, settings, client, memories, embedded_by_ada, eventually
):
    looks = memories.looks
    async with worker(settings(embedding_reconcile_seconds=0.1)):
        await eventually(lambda: memories.looks > looks + 1, timeout=30)
        assert await models_of(client, "which topic?") == [MINILM]


async def test_a_model_that_the_endpoint_does_not_know_is_done_without(
    worker, settings, provider, client, memories, embedded_by_ada, eventually
):
    provider.respond = lambda _request: Status(404)
    known = {"openai_base_url": f"{provider.url}/v1", "openai_api_key": "k"}
    looks = memories.looks
    async with worker(settings(embedding_reconcile_seconds=0.1, **known)):
        await eventually(lambda: memories.looks > looks + 2, timeout=30)
        assert await models_of(client, "which topic?") == [MINILM]
        assert {tuple(request.body["input"]) for request in provider.requests[-2:]} == {("memory",)}


@pytest.mark.parametrize("fault", [Status(500), Hang(30)])
async def test_an_older_model_that_fails_never_fails_a_question_nor_holds_it_up(
    worker, settings, provider, client, embedded_by_ada, eventually, fault
):
    known = {"openai_base_url": f"{provider.url}/v1", "openai_api_key": "k"}
    async with worker(settings(**known)):
        await eventually(lambda: both_answer(client, MINILM, ADA_002), timeout=30)
        provider.respond = lambda _request: fault
        asked = time.monotonic()
        assert await models_of(client, "one that was not asked before") == [MINILM]
        assert time.monotonic() - asked < 0.8
        # It is left alone for a while; what it said before is still known.
        requests = len(provider.requests)
        assert await models_of(client, "another one") == [MINILM]
        assert len(provider.requests) == requests
        await both_answer(client, MINILM, ADA_002)


async def test_a_new_model_that_is_away_says_so_whatever_the_older_one_does(
    worker, remote, provider, client, embedded_by_minilm, eventually
):
    async with worker(remote()):
        await eventually(lambda: both_answer(client, ADA_002, MINILM), timeout=30)
        provider.respond = lambda _request: Status(401)
        with pytest.raises(Exception, match="OPENAI_API_KEY"):
            await client.embed("one that was not asked before")


async def test_memory_store_may_be_away_when_the_worker_starts(
    worker, remote, client, memories, embedded_by_minilm, eventually
):
    memories.away = True
    async with worker(remote(embedding_reconcile_seconds=0.1)):
        assert await models_of(client, "which topic?") == [ADA_002]
        memories.away = False
        await eventually(lambda: both_answer(client, ADA_002, MINILM), timeout=30)


async def test_new_memories_on_their_way_do_not_bring_the_older_model_back(
    worker, remote, client, memories, embedded_by_minilm, announce, eventually
):
    memories.may_be_found.set()
    async with worker(remote(embedding_reconcile_seconds=0.1)):
        await eventually(lambda: memories.covered(ADA_002) == embedded_by_minilm, timeout=30)
        await eventually(lambda: models_are(client, ADA_002), timeout=30)
        memories.may_be_found.clear()
        looks = memories.looks
        memories.add("not embedded yet")
        await eventually(lambda: memories.looks > looks + 1)
        await models_are(client, ADA_002)


async def models_are(client, *models):
    assert await models_of(client, "which topic?") == list(models)
