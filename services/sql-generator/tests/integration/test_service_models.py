"""Questions while models are late, wrong or away: who answers, what it costs, and what is said about it."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.health import health_of
from contracts.identity import Identity
from contracts.methods import Empty
from contracts.personal_data import erase_of
from contracts.sql_generator import CREATE_RULE, GENERATE, USAGE, Generate, NewRule
from memori_testing.model_server import Hang, Malformed, ModelServer, Status, Text, ToolCall

QUESTION = "How many orders are there?"
SQL = "SELECT COUNT(*) FROM orders"
PRICES = {
    "anthropic/claude-test": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75},
    "openai/gpt-test": {"input": 1, "output": 2},
}


@pytest.fixture
def openai(model):
    """Settings of an OpenAI-compatible model, as the first one."""
    return {
        "memori_llm_provider": "openai",
        "memori_llm_model": "gpt-test",
        "openai_api_key": "key-of-openai",
        "openai_base_url": f"{model.url}/v1",
        "memori_llm_prices": PRICES,
    }


@pytest.fixture(params=["anthropic", "openai"])
def provider(request, model, openai):
    """Settings of either provider, its name as answers give it, and the path it is asked on."""
    if request.param == "openai":
        return openai, "openai/gpt-test"
    return {"model": model, "memori_llm_prices": PRICES}, "anthropic/claude-test"


async def test_what_a_question_cost_is_in_its_answer_repairs_and_unreadable_answers_included(
    service, ada, shop, model, says, provider, rows
):
    settings, name = provider
    async with service(**settings) as call:
        await call.source(ada, shop)
        model.enqueue(Text("Poetry.", 1000, 100), says("SELECT price FROM orders"), says(SQL))
        answer = await call.ask(ada, QUESTION)
        assert (answer.status, answer.repairs) == ("generated", 2)
        (usage,) = answer.usage
        assert (usage.model, usage.calls, usage.input_tokens, usage.output_tokens) == (name, 3, 1200, 140)
        assert usage.cost_usd == (0.0057 if name.startswith("anthropic") else 0.00148)
    ((kept,),) = await rows("select answer -> 'usage' -> 0 ->> 'cost_usd' from sql_generator.memori_query_patterns")
    assert float(kept) == usage.cost_usd


async def test_a_price_that_nobody_knows_is_not_made_up(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(SQL))
        (usage,) = (await call.ask(ada, QUESTION)).usage
        assert (usage.input_tokens, usage.cost_usd) == (100, None)


@pytest.mark.parametrize(
    "wrong",
    [
        ToolCall(
            "answer_with_sql", {"sql": SQL, "explanation": "", "intent": "select", "confidence": 1}, truncated=True
        ),
        ToolCall("answer_with_sql", {"sql": SQL}),
        Malformed(b"<html>"),
        Text("I cannot do that."),
        ToolCall(
            "answer_with_sql", {"sql": "SELECT * FROM unicorns", "explanation": "", "intent": "select", "confidence": 1}
        ),
    ],
    ids=["truncated", "incomplete", "malformed", "prose", "invented table"],
)
async def test_an_answer_that_is_none_goes_back_to_the_model(service, ada, shop, model, says, provider, wrong):
    settings, _ = provider
    async with service(**settings) as call:
        await call.source(ada, shop)
        model.enqueue(wrong, says(SQL))
        answer = await call.ask(ada, QUESTION, execute=True)
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, ((3,),))


async def test_a_model_that_declines_three_times_is_an_honest_failure(service, ada, shop, model, provider):
    settings, name = provider
    refusals = {
        "anthropic/claude-test": {"content": [], "stop_reason": "refusal", "usage": {"input_tokens": 9}},
        "openai/gpt-test": {"choices": [{"message": {"refusal": "No."}}], "usage": {"prompt_tokens": 9}},
    }
    async with service(**settings) as call:
        await call.source(ada, shop)
        model.enqueue(*[Status(200, body=refusals[name])] * 3)
        answer = await call.ask(ada, QUESTION)
        assert (answer.status, answer.sql, answer.usage[0].input_tokens) == ("failed", None, 27)
        assert "declined to answer" in answer.reason


async def test_a_model_that_comes_too_late_is_replaced_by_the_next_one_which_is_named(
    service, ada, shop, model, says, openai
):
    fallback = {
        "memori_llm_provider": "anthropic",
        "memori_llm_model": "claude-test",
        "memori_llm_fallback_provider": ("openai", "offline"),
        "memori_llm_fallback_model": "gpt-test",
        "memori_llm_timeout_seconds": 0.3,
        "memori_llm_breaker_failures": 1,
    }
    async with service(**{**openai, **fallback, "anthropic_base_url": model.url}) as call:
        await call.source(ada, shop)
        model.enqueue(Hang(30), path="/v1/messages")
        model.enqueue(says(SQL), Status(401), path="/v1/chat/completions")
        written = await call.ask(ada, QUESTION)
        assert (written.status, written.model, written.usage[0].model) == ("generated", *["openai/gpt-test"] * 2)
        assert "model" in written.degraded
        # The first model is left alone now, the second refuses: the last one needs nobody.
        offline = await call.ask(ada, "How many customers are there?")
        assert (offline.status, offline.model, offline.usage[0].cost_usd) == ("generated", "offline", 0.0)
        assert [request.path for request in model.requests].count("/v1/messages") == 1
        health = await call(health_of("sql-generator"), Empty(), ada)
        assert health.checks["llm"] == "unhealthy: ModelUnavailable"


async def test_what_a_fallback_cannot_answer_may_be_asked_again(service, ada, shop, model, says, rows):
    settings = {"memori_llm_fallback_provider": ("offline",), "memori_llm_breaker_failures": 2}
    request = Generate(query_id=uuid4(), question="How many gizmos do we have?")
    async with service(model=model, **settings) as call:
        await call.source(ada, shop)
        model.enqueue(Status(401))
        nothing = await call(GENERATE, request, ada)
        assert (nothing.status, nothing.model) == ("abstained", "offline")
        assert "gizmos" in nothing.clarifying_question
        model.enqueue(says(SQL))
        answer = await call(GENERATE, request, ada)
        assert (answer.status, answer.model, answer.degraded.count("model")) == (
            "generated",
            "anthropic/claude-test",
            0,
        )
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 1


async def test_while_the_circuit_is_open_nobody_waits_for_the_model(service, ada, shop, model, others):
    await others.start()
    async with service(model=model, memori_llm_breaker_failures=2, memori_llm_breaker_seconds=600) as call:
        await call.source(ada, shop)
        model.enqueue(Status(403), Status(403))
        request = Generate(query_id=uuid4(), question=QUESTION)
        for _ in range(3):
            problem = await call.problem(GENERATE, request, ada)
        assert (problem.type, len(model.requests)) == ("unavailable", 2)
        assert "2 times in a row" in problem.detail
        assert problem.retry_after > 400


async def test_what_to_ask_back_is_in_the_answer_and_kept(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(None, explanation="There are no unicorns.", clarifying_question="What is a unicorn?"))
        query_id = uuid4()
        answer = await call.ask(ada, "How many unicorns?", query_id=query_id)
        assert (answer.status, answer.reason) == ("abstained", "There are no unicorns.")
        assert answer.clarifying_question == "What is a unicorn?"
        assert await call.ask(ada, "How many unicorns?", query_id=query_id) == answer


async def test_usage_is_counted_by_user_and_month_however_many_ask_at_once(
    service, ada, eve, shop, model, says, others
):
    await others.start()
    async with service(model=model, memori_llm_prices=PRICES) as call, service(model=model, memori_llm_prices=PRICES):
        source = await call.source(ada, shop)
        await call.source(eve, shop)
        model.respond = lambda _: says(SQL)
        await asyncio.gather(*(call.ask(ada, QUESTION, data_source_id=source.data_source_id) for _ in range(12)))
        await call.ask(eve, QUESTION)
        report = await call(USAGE, Empty(), ada)
        (usage,) = report.models
        assert (usage.model, usage.calls, usage.input_tokens, usage.output_tokens) == (
            "anthropic/claude-test",
            12,
            1200,
            240,
        )
        assert report.cost_usd == usage.cost_usd == pytest.approx(12 * 0.0006)
        assert report.budgets == ()
        now = datetime.now(UTC)
        assert (report.month.year, report.month.month, report.month.day) == (now.year, now.month, 1)
        assert 0 < (report.resets_at - now).days + 1 <= 31


async def test_a_budget_warns_and_then_refuses_until_it_is_filled_again(
    service, ada, eve, shop, model, says, rows, others, stack
):
    await others.start()
    settings = {
        "memori_llm_prices": PRICES,
        "memori_llm_user_budget_usd": 0.001,
        "memori_llm_tenant_budget_usd": 0.0021,
    }
    async with service(model=model, **settings) as call:
        await call.source(ada, shop)
        await call.source(eve, shop)
        model.respond = lambda _: says(SQL)
        assert (await call.ask(ada, QUESTION)).warnings == ()
        assert (await call.ask(ada, QUESTION)).warnings == ()
        spent = await call.problem(GENERATE, Generate(query_id=uuid4(), question=QUESTION), ada)
        assert (spent.type, spent.status) == ("limit-exceeded", 429)
        assert "budget of the user" in spent.detail
        report = await call(USAGE, Empty(), ada)
        assert report.resets_at.isoformat() in spent.detail
        assert abs(spent.retry_after - (report.resets_at - datetime.now(UTC)).total_seconds()) < 60
        # Somebody else's budget is their own; the tenant's is not.
        assert (await call.ask(eve, QUESTION)).warnings == ()
        (warned,) = (await call.ask(eve, QUESTION)).warnings
        assert "0.00 of 0.00 USD of this month's budget of the tenant" in warned
        new = Identity("acme", "new")
        await call.source(new, shop)
        refused = await call.problem(GENERATE, Generate(query_id=uuid4(), question=QUESTION), new)
        assert "budget of the tenant" in refused.detail
        elsewhere = Identity("other", "ada")
        await call.source(elsewhere, shop)
        assert (await call.ask(elsewhere, QUESTION)).status == "generated"
        assert len(model.requests) == 5
        # What the tenant spent stays spent when those who spent it are erased.
        await call(erase_of("sql-generator"), Empty(), ada)
        (tenant,) = [budget for budget in (await call(USAGE, Empty(), ada)).budgets if budget.scope == "tenant"]
        assert tenant.spent_usd == 0.0024
        assert (await call(USAGE, Empty(), ada)).models == ()
    assert await rows("select 1 from sql_generator.memori_usage where user_id = 'ada' and tenant_id = 'acme'") == []
    assert await rows("select 1 from sql_generator.memori_tenant_usage", url=stack.database_url("sql-generator")) == []


async def test_what_is_asked_while_memory_is_disabled_is_paid_for_all_the_same(service, ada, shop, model, says):
    async with service(model=model, memori_enabled=False, memori_llm_prices=PRICES) as call:
        await call.source(ada, shop)
        model.enqueue(says(SQL))
        await call.ask(ada, QUESTION)
        assert (await call(USAGE, Empty(), ada)).cost_usd == 0.0006


async def test_a_budget_needs_the_prices_of_every_model(service, model):
    with pytest.raises(ValueError, match="MEMORI_LLM_PRICES has no price of anthropic/claude-test"):
        async with service(model=model, memori_llm_user_budget_usd=1):
            pass


async def test_what_costs_nothing_is_never_refused(service, ada, shop, rows):
    offline = {"memori_llm_provider": "offline", "memori_llm_user_budget_usd": 0.001}
    async with service(**offline) as call:
        await call.source(ada, shop)
        for _ in range(2):
            assert (await call.ask(ada, QUESTION)).usage[0].cost_usd == 0.0
            await rows("update sql_generator.memori_usage set cost_usd = 5 returning 1")


@pytest.fixture
def caching():
    """A provider with a prompt cache."""
    with ModelServer(caches_prompts=True) as server:
        yield server


async def test_questions_of_one_source_share_what_the_provider_cached(service, ada, shop, caching, says, others):
    await others.start()
    model = caching
    others.remember("Revenue means paid orders only")
    async with service(model=model, memori_llm_prices=PRICES) as call:
        await call.source(ada, shop)
        for content in ("Prefer short names", "Explain in one sentence", "Say which year was meant"):
            rule = NewRule(rule_id=uuid4(), rule_name="r", rule_type="preference", rule_content=content)
            await call(CREATE_RULE, rule, ada)
        model.enqueue(says(SQL), says(SQL), says("SELECT price FROM orders"), says(SQL))
        (first,) = (await call.ask(ada, QUESTION)).usage
        assert first.cache_read_tokens == 0
        assert first.cache_write_tokens > 500
        others.remember("The fiscal year starts in May")
        (second,) = (await call.ask(ada, "What is our revenue?", conversation_id=uuid4())).usage
        assert (second.cache_read_tokens, second.cache_write_tokens) == (first.cache_write_tokens, 0)
        assert second.cost_usd < first.cost_usd / 3
        # A repair reads it again, too.
        (repaired,) = (await call.ask(ada, "What do orders cost?")).usage
        assert (repaired.calls, repaired.cache_read_tokens) == (2, 2 * first.cache_write_tokens)
        # Another rule changes what comes after the schema only.
        rule = NewRule(rule_id=uuid4(), rule_name="r", rule_type="preference", rule_content="Never abbreviate")
        await call(CREATE_RULE, rule, ada)
        model.enqueue(says(SQL))
        (changed,) = (await call.ask(ada, "How many orders are open?")).usage
        assert 0 < changed.cache_read_tokens < first.cache_write_tokens
        assert 0 < changed.cache_write_tokens < changed.cache_read_tokens
