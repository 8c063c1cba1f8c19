"""What is said about a statement and its result, and results that are kept for a moment."""

import sqlite3
from contextlib import closing

from contracts.sql_generator import EXECUTE, SYNC_DATA_SOURCE, DataSourceRef, QueryRef

COUNT = "SELECT COUNT(*) AS n FROM customers"
BY_CITY = "SELECT city, COUNT(*) AS n FROM customers GROUP BY city"


def changed(path, statement):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


async def test_a_join_that_multiplies_and_a_scan_of_a_large_table_are_pointed_out(service, ada, shop, model, says):
    changed(
        shop,
        "INSERT INTO orders (customer_id, amount, status) WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT 1, i, 'paid' FROM n",
    )
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(
            says("SELECT COUNT(*) FROM customers, orders"),
            says("SELECT amount FROM orders WHERE 1 = 1 AND status = 'open' AND amount > 5"),
            says("SELECT amount FROM orders WHERE id = 3"),
        )
        joined = await call.ask(ada, "How many of both?")
        assert [advice.kind for advice in joined.advice] == ["cartesian_join", "full_scan"]
        scanned = await call.ask(ada, "Which open orders are large?")
        assert scanned.sql == "SELECT amount FROM orders WHERE status = 'open' AND amount > 5"
        (advice,) = scanned.advice
        assert advice.message == "all of orders is read, about 100,003 rows"
        # What it suggests is SQL of the engine, and it helps.
        changed(shop, advice.suggestion)
        found = await call.ask(ada, "What is order 3?")
        assert found.advice == ()
        model.enqueue(says(scanned.sql))
        assert (await call.ask(ada, "Which open orders are large now?")).advice == ()


async def test_a_result_says_its_caps_and_its_chart(service, ada, shop, model, says, rows):
    async with service(model=model, query_max_rows=2) as call:
        await call.source(ada, shop)
        model.enqueue(says(BY_CITY), says("SELECT id FROM customers"))
        charted = await call.ask(ada, "Customers by city?", execute=True)
        assert charted.chart["encoding"]["x"]["field"] == "city"
        assert (charted.result.limits.rows, charted.result.limits.seconds) == (2, 30.0)
        assert (charted.result.from_cache, charted.result.read_at is not None) == (False, True)
        cut = await call.ask(ada, "All customers?", execute=True)
        assert (cut.result.row_count, cut.result.truncated_by, cut.chart) == (2, "rows", None)
        again = await call(EXECUTE, QueryRef(query_id=charted.query_id), ada)
        assert (again.chart, again.advice) == (charted.chart, charted.advice)
    kept = await rows("select answer from sql_generator.memori_query_patterns")
    assert [(row.answer["result"], row.answer["chart"]) for row in kept] == [(None, None)] * 2


async def test_a_result_may_be_kept_for_a_moment_for_the_same_user_and_schema(service, ada, eve, shop, model, says):
    async with service(model=model, query_cache_seconds=600) as call:
        source = await call.source(ada, shop)
        await call.source(eve, shop)
        model.enqueue(*[says(COUNT)] * 2)
        first = await call.ask(ada, "How many customers are there?", execute=True)
        ref = QueryRef(query_id=first.query_id)
        changed(shop, "DELETE FROM customers WHERE id = 3")
        again = await call(EXECUTE, ref, ada)
        assert (again.result.rows, again.result.from_cache) == (((3,),), True)
        assert again.result.read_at == first.result.read_at
        other = await call.ask(eve, "How many customers are there?", execute=True)
        assert (other.result.rows, other.result.from_cache) == (((2,),), False)
        changed(shop, "ALTER TABLE customers ADD COLUMN country TEXT")
        await call(SYNC_DATA_SOURCE, DataSourceRef(data_source_id=source.data_source_id), ada)
        fresh = await call(EXECUTE, ref, ada)
        assert (fresh.result.rows, fresh.result.from_cache) == (((2,),), False)


async def test_without_a_setting_no_result_is_kept(service, ada, shop, model, says):
    async with service(model=model) as call:
        await call.source(ada, shop)
        model.enqueue(says(COUNT))
        first = await call.ask(ada, "How many customers are there?", execute=True)
        changed(shop, "DELETE FROM customers WHERE id = 3")
        again = await call(EXECUTE, QueryRef(query_id=first.query_id), ada)
        assert (again.result.rows, again.result.from_cache) == (((2,),), False)
