"""Rules on the statements of a running service, whatever the model writes."""

import sqlite3
from contextlib import closing
from uuid import uuid4

import pytest

from contracts.sql_generator import (
    CONFIRM_RULE,
    CREATE_RULE,
    EXECUTE,
    GET_QUERY,
    GET_RULE,
    MATCH_RULES,
    UPDATE_RULE,
    FilterRows,
    LimitRows,
    MaskColumn,
    MatchRules,
    NewRule,
    QueryRef,
    RuleConditions,
    RuleRef,
    UpdateRule,
)

PAID = FilterRows(table="orders", column="status", operator="=", values=("paid",))


def rule(content="as agreed", *effects, **changes):
    given = {"rule_id": uuid4(), "rule_name": content, "rule_type": "constraint", "rule_content": content}
    return NewRule(**{**given, "effects": effects, **changes})


@pytest.fixture
def ask(ada, model, says):
    """Asks a question that the model answers with these statements, one an attempt."""

    async def asked(call, *statements, question="How are our orders?", execute=True, **used):
        model.enqueue(*(says(sql, **used) for sql in statements))
        return await call.ask(ada, question, execute=execute)

    return asked


def effects(answer):
    return {used.rule_name: used.effect for used in answer.rules}


async def test_what_rules_in_words_say_for_sure_is_done_on_any_model(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        for content in ("Prefers aliases for all tables", "Exclude open orders", "Mask customer names"):
            await call(CREATE_RULE, rule(content), ada)
        answer = await ask(call, "SELECT name, amount FROM orders JOIN customers ON customer_id = customers.id")
    assert answer.result.rows == (("***", 10.5), ("***", 5.0))
    assert " AS o JOIN " in answer.sql
    assert effects(answer) == {
        "Prefers aliases for all tables": "alias given to 2 tables",
        "Exclude open orders": "filter orders.status <> 'open' added",
        "Mask customer names": "column customers.name masked (full)",
    }


async def test_words_that_leave_a_doubt_are_asked_of_the_model(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("Dates as month names", rule_type="preference"), ada)
        followed = await ask(call, "SELECT 1 AS n", used_rules=["r1"])
        assert effects(followed) == {"Dates as month names": "asked of the model"}
        assert effects(await ask(call, "SELECT 2 AS n")) == {}


async def test_a_broken_rule_goes_back_to_the_model_which_repairs_it(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("Never show customer names"), ada)
        answer = await ask(call, "SELECT name FROM customers", "SELECT city FROM customers WHERE id = 1")
        assert (answer.status, answer.repairs, answer.result.rows) == ("executed", 1, (("London",),))
        assert effects(answer) == {"Never show customer names": "checked: customers.name is not read"}
    assert "customers.name must not be read" in str(model.requests[-1])


async def test_a_rule_that_stays_broken_fails_the_question_with_its_name(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("Never show customer names"), ada)
        answer = await ask(call, *["SELECT name FROM customers"] * 3)
    assert (answer.status, answer.sql, answer.result, answer.rules) == ("failed", None, None, ())
    assert answer.reason == "the rule 'Never show customer names' does not allow it: customers.name must not be read"


async def test_running_a_query_again_is_under_the_rules_of_the_day(service, ada, shop, model, ask):
    sql = "SELECT COUNT(*) AS n FROM orders"
    async with service(model=model) as call:
        await call.source(ada, shop)
        query = QueryRef(query_id=(await ask(call, sql)).query_id)
        made = await call(CREATE_RULE, rule("paid only", PAID), ada)
        under = await call(EXECUTE, query, ada)
        assert (under.result.rows, under.sql) == (((2,),), f"{sql} WHERE orders.status = 'paid'")
        assert effects(under) == {"paid only": "filter orders.status = 'paid' added"}
        again = await call(EXECUTE, query, ada)
        assert (again.sql, again.rules, again.result.rows) == (under.sql, under.rules, under.result.rows)
        counted = await call(GET_RULE, RuleRef(rule_id=made.rule_id), ada)
        assert counted.application_count == 2
        assert counted.last_applied_at is not None
        await call(UPDATE_RULE, UpdateRule(rule_id=made.rule_id, status="retired"), ada)
        free = await call(EXECUTE, query, ada)
        assert (free.result.rows, free.sql, free.rules) == (((3,),), sql, ())
        forbidden = await call(CREATE_RULE, rule("Never query orders"), ada)
        failed = await call(EXECUTE, query, ada)
        assert (failed.status, failed.result) == ("failed", None)
        assert forbidden.rule_name in failed.reason


async def test_what_is_learned_is_what_the_model_wrote(service, ada, shop, model, ask):
    sql = "SELECT COUNT(*) AS n FROM orders"
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("paid only", PAID), ada)
        answer = await ask(call, sql, question="How many orders are there?")
        assert answer.sql.endswith("WHERE orders.status = 'paid'")
        assert (await call(GET_QUERY, QueryRef(query_id=answer.query_id), ada)).sql == sql
        await ask(call, sql, question="How many orders are there, please?")
    examples = str(model.requests[-1]).split("<examples>")[1].split("</examples>")[0]
    assert sql in examples
    assert "WHERE" not in examples


async def test_every_active_rule_holds_also_those_the_model_is_not_shown(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("masked", MaskColumn(table="customers", column="name"), priority=0), ada)
        for number in range(20):
            await call(CREATE_RULE, rule(f"preference {number}", rule_type="preference"), ada)
        answer = await ask(call, "SELECT * FROM customers")
    assert {row[1] for row in answer.result.rows} == {"***"}
    assert answer.degraded.count("rules") == 1


async def test_a_source_without_rules_of_its_own_is_not_under_those_of_another(service, ada, eve, shop, model, says):
    async with service(model=model) as call:
        one, two = await call.source(ada, shop), await call.source(ada, shop)
        await call(CREATE_RULE, rule("paid only", PAID, data_source_id=one.data_source_id), ada)
        await call.source(eve, shop)
        model.enqueue(*[says("SELECT COUNT(*) FROM orders")] * 3)
        mine = await call.ask(ada, "How many?", data_source_id=one.data_source_id, execute=True)
        other = await call.ask(ada, "How many?", data_source_id=two.data_source_id, execute=True)
        hers = await call.ask(eve, "How many?", execute=True)
    assert [answer.result.rows for answer in (mine, other, hers)] == [((2,),), ((3,),), ((3,),)]


async def test_conflicts_are_shown_and_the_answer_says_who_gave_way(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        first = await call(CREATE_RULE, rule("two rows", LimitRows(rows=2)), ada)
        second = await call(CREATE_RULE, rule("limit to 1 row by default"), ada)
        assert first.conflicts_with == ()
        (conflict,) = second.conflicts_with
        assert (conflict.rule_id, conflict.wins) == (first.rule_id, False)
        assert conflict.reason == "two default limits: 1 and 2"
        answer = await ask(call, "SELECT id FROM orders")
        assert effects(answer) == {
            second.rule_name: "limited to 1 row; in place of the rule 'two rows', which conflicts with it"
        }
        await call(UPDATE_RULE, UpdateRule(rule_id=first.rule_id, priority=500), ada)
        (now,) = (await call(GET_RULE, RuleRef(rule_id=second.rule_id), ada)).conflicts_with
        assert now.wins
        retired = await call(UPDATE_RULE, UpdateRule(rule_id=first.rule_id, status="retired"), ada)
        assert retired.conflicts_with == ()
        assert (await call(GET_RULE, RuleRef(rule_id=second.rule_id), ada)).conflicts_with == ()
        confirmed = await call.problem(CONFIRM_RULE, RuleRef(rule_id=first.rule_id), ada)
        assert confirmed.type == "conflict"


async def test_a_question_is_matched_with_the_rules_and_told_why(service, ada, shop):
    conditions = RuleConditions(words=("revenue",), tables=("orders",))
    async with service() as call:
        source = await call.source(ada, shop)
        await call(CREATE_RULE, rule("paid only", PAID, conditions=conditions), ada)
        await call(CREATE_RULE, rule("Dates as month names", priority=1), ada)
        gone = await call(CREATE_RULE, rule("limit", LimitRows(rows=1), priority=0), ada)
        await call(UPDATE_RULE, UpdateRule(rule_id=gone.rule_id, status="retired"), ada)
        revenue = await call(MATCH_RULES, MatchRules(question="Our revenue?"), ada)
        assert revenue.data_source_id == source.data_source_id
        assert [matched.applies for matched in revenue.rules] == [None, True, False]
        assert revenue.rules[0].reasons == ("the question says revenue", "it is for statements that read orders")
        assert revenue.rules[0].effects == (PAID,)
        assert "asked of the model" in revenue.rules[1].reasons[-1]
        assert revenue.rules[2].reasons[-1] == "it is retired"
        other = await call(MATCH_RULES, MatchRules(question="Our costs?", tables=("orders",)), ada)
        assert other.rules[0].applies is False
        tried = await call(MATCH_RULES, MatchRules(question="Revenue?", sql="SELECT SUM(amount) FROM orders"), ada)
        assert tried.sql == "SELECT SUM(amount) FROM orders WHERE orders.status = 'paid'"
        assert tried.rules[0].effect == "filter orders.status = 'paid' added"
        attack = await call(MATCH_RULES, MatchRules(question="Revenue?", sql="DROP TABLE orders"), ada)
        assert attack.sql is None
        assert "only queries are allowed" in attack.refused


async def test_a_hidden_column_stays_hidden_in_a_table_with_one_more_column(service, ada, shop, model, ask):
    async with service(model=model) as call:
        await call.source(ada, shop)
        await call(CREATE_RULE, rule("masked", MaskColumn(table="customers", column="name")), ada)
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("ALTER TABLE customers ADD COLUMN secret TEXT DEFAULT 'x'")
            connection.commit()
        answer = await ask(call, "SELECT * FROM customers WHERE id = 1")
    assert answer.result.rows == ((1, "***", "London"),)
