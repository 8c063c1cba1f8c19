"""A schema changes: what names something that has gone is out of use until it is back."""

import json
import sqlite3
from contextlib import closing

from contracts.sql_generator import (
    LIST_QUERIES,
    RATE,
    READ_QUERY,
    SYNC_DATA_SOURCE,
    DataSourceRef,
    ListQueries,
    QueryRef,
    Rate,
)

PAID = "SELECT COUNT(*) AS n FROM orders WHERE status = 'paid' ORDER BY n"
NAMES = "SELECT name FROM customers"


async def test_what_names_a_vanished_column_is_stale_until_it_is_back(
    service, ada, shop, model, says, others, events, eventually
):
    def change(statement):
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute(statement)

    await others.start()
    async with service(model=model) as call:
        source = DataSourceRef(data_source_id=(await call.source(ada, shop)).data_source_id)
        model.enqueue(says(PAID), says(NAMES), says("SELECT COUNT(status) FROM orders"), says("SELECT 2"), says(NAMES))
        paid = await call.ask(ada, "How many orders are paid?", execute=True)
        names = await call.ask(ada, "Who are our customers?", execute=True)
        wrong = await call.ask(ada, "How many orders have a status?", execute=True)
        await call(RATE, Rate(query_id=paid.query_id, score=5), ada)
        await call(RATE, Rate(query_id=wrong.query_id, score=1), ada)

        async def trusts():
            read = [await call(READ_QUERY, QueryRef(query_id=each.query_id), ada) for each in (paid, names, wrong)]
            return [query.trust for query in read]

        change("ALTER TABLE orders RENAME COLUMN amount TO total")
        assert (await call(SYNC_DATA_SOURCE, source, ada)).stale_patterns == 0
        assert await trusts() == ["verified", "candidate", "deprecated"]

        change("ALTER TABLE orders RENAME COLUMN status TO state")
        assert (await call(SYNC_DATA_SOURCE, source, ada)).stale_patterns == 1
        assert (await call(SYNC_DATA_SOURCE, source, ada)).stale_patterns == 1
        assert await trusts() == ["stale", "candidate", "deprecated"]
        again = await call.ask(ada, "How many orders are paid?")
        assert (again.sql, again.model) == ("SELECT 2", "anthropic/claude-test")
        assert PAID not in model.requests[-1].body["messages"][0]["content"]
        assert len((await call(LIST_QUERIES, ListQueries(trust="stale"), ada)).queries) == 1
        # What is said meanwhile holds once it is back.
        assert (await call(RATE, Rate(query_id=paid.query_id, score=4), ada)).query.trust == "stale"

        change("ALTER TABLE customers RENAME TO clients")
        change("ALTER TABLE orders RENAME COLUMN state TO status")
        assert (await call(SYNC_DATA_SOURCE, source, ada)).stale_patterns == 1
        assert await trusts() == ["verified", "stale", "deprecated"]
        assert (await call.ask(ada, "How many orders are paid?", execute=True)).result.rows == ((2,),)
        synced = [json.loads(body)["data"] for subject, body in events if subject == "data_source.synced"]
        await eventually(lambda: [event["stale_patterns"] for event in synced] == [0, 0, 1, 1])
