"""The whole way with a MariaDB: registered, synced, asked without a key."""

import pytest

from contracts.sql_generator import GET_SCHEMA, GetSchema

OFFLINE = {"memori_llm_provider": "offline"}

SHOP = (
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar(80) NOT NULL, country varchar(40), vip boolean NOT NULL)",
    """CREATE TABLE orders (
        id int PRIMARY KEY, customer_id int NOT NULL, `paid in` char(3), amount decimal(10, 2), ordered_at datetime,
        FOREIGN KEY (customer_id) REFERENCES customers (id)
    )""",
    "INSERT INTO customers VALUES (1, 'Ada', 'France', true), (2, 'Bob', 'France', false), (3, 'Cyd', 'Spain', true)",
    """INSERT INTO orders VALUES
        (1, 1, 'EUR', 10.5, '2025-01-15 10:00:00'), (2, 2, 'USD', 4, '2025-02-01 00:00:00'),
        (3, 2, 'USD', 5.5, '2025-11-30 23:59:59')""",
)
QUESTIONS = {
    "How many customers are there?": [(3,)],
    "how many customers per country": [("France", 2), ("Spain", 1)],
    "customers whose name contains 'A'": [("Ada",)],
    "names of customers sorted by name descending": [("Cyd",), ("Bob",), ("Ada",)],
    "which customer has the most orders?": [("Bob",)],
    "customers without orders": [("Cyd",)],
    "total amount per customer": [("Ada", 10.5), ("Bob", 9.5)],
    "number of orders per month": [("2025-01", 1), ("2025-02", 1), ("2025-11", 1)],
    "number of orders per quarter": [("2025-Q1", 2), ("2025-Q4", 1)],
    "number of orders per week": [("2025-03", 1), ("2025-05", 1), ("2025-48", 1)],
    "number of orders per year": [("2025", 3)],
    "number of orders per day in 2025": [("2025-01-15", 1), ("2025-02-01", 1), ("2025-11-30", 1)],
}


@pytest.fixture
def mysql_shop(mariadb_database):
    """A small shop in MariaDB."""
    mariadb_database.execute(*SHOP)
    return mariadb_database


async def test_questions_are_answered_from_the_schema(service, ada, mysql_shop, others):
    await others.start()
    async with service(**OFFLINE) as call:
        synced = await call.source(ada, mysql_shop.reader_url, kind="mysql")
        assert (synced.status, synced.table_count, synced.status_detail) == ("ready", 2, "")
        page = await call(GET_SCHEMA, GetSchema(data_source_id=synced.data_source_id), ada)
        assert page.dialect == "mysql"
        for question, rows in QUESTIONS.items():
            answer = await call.ask(ada, question, execute=True)
            assert answer.status == "executed", (question, answer.reason)
            assert (question, sorted(answer.result.rows)) == (question, sorted(rows)), answer.sql


async def test_a_statement_of_a_model_is_judged_and_run_in_the_dialect(service, ada, mysql_shop, others, model, says):
    await others.start()
    async with service(model=model) as call:
        synced = await call.source(ada, mysql_shop.admin_url, kind="mysql")
        assert "administrator" in synced.status_detail
        model.enqueue(says('SELECT `paid in`, ordered_at FROM orders WHERE `paid in` = "EUR"'))
        answer = await call.ask(ada, "Which order was paid in EUR?", execute=True)
        assert answer.result.rows == (("EUR", "2025-01-15T10:00:00"),)
        model.enqueue(
            says("SELECT 1 /*! INTO OUTFILE 'x' */"),
            says("SELECT amout FROM orders"),
            says("SELECT amount FROM orders LIMIT 1"),
        )
        repaired = await call.ask(ada, "What is the first amount?", execute=True)
        assert (repaired.status, repaired.repairs) == ("executed", 2)
        prompts = [request.body for request in model.requests]
        assert "`paid in` char(3)" in str(prompts[0])
        assert "Unknown column" in str(prompts[-1])
