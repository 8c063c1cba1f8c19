"""The context of a question, for a client that calls a model of its own."""

from uuid import uuid4

from contracts.sql_generator import CREATE_RULE, RECALL, NewRule, RecallContext


async def test_everything_that_bears_on_a_question_is_recalled_and_no_model_asked(
    service, ada, eve, shop, model, says, others, rows
):
    await others.start()
    paid = others.remember("Revenue means paid orders only")
    async with service(model=model) as call:
        source = await call.source(ada, shop)
        rule = NewRule(
            rule_id=uuid4(), rule_name="aliases", rule_type="preference", rule_content="prefer short column names"
        )
        await call(CREATE_RULE, rule, ada)
        model.enqueue(says("SELECT SUM(amount) FROM orders"))
        talk = uuid4()
        asked = await call.ask(ada, "What is our revenue?", conversation_id=talk, execute=True)
        request = RecallContext(question="What is our revenue by city?", conversation_id=talk)
        block = await call(RECALL, request, ada)
        assert (block.data_source_id, block.dialect, block.degraded) == (source.data_source_id, "sqlite", ())
        assert [memory.memory_id for memory in block.memories] == [paid.memory_id]
        assert [each.rule_id for each in block.rules] == [rule.rule_id]
        assert [each.pattern_id for each in block.examples] == [asked.query_id]
        assert [(turn.content, turn.sql) for turn in block.turns] == [("What is our revenue?", asked.sql)]
        assert [table.name for table in block.tables] == ["customers", "orders"]
        assert block.knowledge.tables == ("orders",)
        for part in (
            paid.content,
            "prefer short column names",
            asked.sql,
            "table customers",
            "orders.customer_id = customers.id",
        ):
            assert part in block.text
        assert 0 < block.estimated_tokens <= 4_000
        assert len(model.requests) == 1
        unknown = request.model_copy(update={"data_source_id": source.data_source_id})
        assert (await call.problem(RECALL, unknown, eve)).type == "not-found"
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 1


async def test_what_cannot_be_had_is_said_to_be_missing(service, ada, shop, model):
    async with service(model=model) as call:
        await call.source(ada, shop)
        block = await call(RECALL, RecallContext(question="How many orders?"), ada)
        assert set(block.degraded) == {"embeddings", "memories", "knowledge"}
        assert block.tables
    async with service(model=model, memori_enabled=False) as call:
        block = await call(RECALL, RecallContext(question="How many orders?"), ada)
        assert (block.degraded, block.memories, block.examples) == ((), (), ())
