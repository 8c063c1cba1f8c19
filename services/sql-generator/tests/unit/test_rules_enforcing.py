"""What rules make of statements, and what they say of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.sql_generator import (
    AliasTables,
    Column,
    DatabaseSchema,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Rule,
    RuleConditions,
    Table,
)
from sql_generator.rules.enforcing import RuleBroken
from sql_generator.rules.rulebook import RuleBook
from sql_guard import check

TABLES = (
    Table(
        name="customers",
        columns=(
            Column(name="id", type="INTEGER", nullable=False),
            Column(name="name", type="TEXT"),
            Column(name="email", type="TEXT"),
            Column(name="credit", type="NUMERIC(10, 2)"),
        ),
    ),
    Table(
        name="orders",
        columns=(
            Column(name="id", type="INTEGER", nullable=False),
            Column(name="customer_id", type="INTEGER"),
            Column(name="status", type="TEXT", nullable=False, samples=("cancelled", "paid")),
            Column(name="note", type="TEXT"),
            Column(name="amount", type="REAL"),
        ),
    ),
    Table(name="sales.orders", columns=(Column(name="id", type="INTEGER"),)),
)
MADE = datetime(2026, 1, 2, tzinfo=UTC)
KEPT = FilterRows(table="orders", column="status", operator="<>", values=("cancelled",))
MASKED = MaskColumn(table="customers", column="email")
HIDDEN = ForbidReading(table="customers", column="email")


def rule(*effects, name="the rule", age=0, **changes):
    made = MADE - timedelta(days=age)
    given = {"rule_id": uuid4(), "rule_name": name, "rule_type": "constraint", "rule_content": "as agreed"}
    state = {"status": "active", "origin": "user", "application_count": 0, "last_applied_at": None}
    return Rule(**{**given, **state, "created_at": made, "updated_at": made, "effects": effects, **changes})


def applied(sql, *rules, dialect="sqlite", question="How many?"):
    schema = DatabaseSchema(dialect="sqlite", tables=TABLES).model_copy(update={"dialect": dialect})
    relations = [table.name for table in TABLES]
    verdict = check(sql, dialect, relations=relations)
    assert verdict.allowed, verdict.reason
    made = RuleBook(rules, question, schema).apply(verdict)
    again = check(made.sql, dialect, relations=relations)
    assert again.allowed, again.reason
    return made


def sql_of(sql, *effects, dialect="sqlite"):
    return applied(sql, rule(*effects), dialect=dialect).sql


def said_of(sql, *effects, dialect="sqlite"):
    made = applied(sql, rule(*effects), dialect=dialect)
    return next(iter(made.done.values()), None)


def broken(sql, *effects, dialect="sqlite"):
    with pytest.raises(RuleBroken) as caught:
        applied(sql, rule(*effects), dialect=dialect)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM orders", "SELECT id FROM orders WHERE orders.status <> 'cancelled'"),
        (
            "SELECT id FROM Orders AS o WHERE o.amount > 1 OR TRUE",
            "SELECT id FROM Orders AS o WHERE (o.amount > 1 OR TRUE) AND o.status <> 'cancelled'",
        ),
        (
            "SELECT * FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id",
            (
                "SELECT * FROM customers AS c LEFT JOIN (SELECT * FROM orders WHERE orders.status <> 'cancelled') AS o"
                " ON o.customer_id = c.id"
            ),
        ),
        (
            "SELECT * FROM orders AS o LEFT JOIN customers AS c ON o.customer_id = c.id",
            "SELECT * FROM orders AS o LEFT JOIN customers AS c ON o.customer_id = c.id WHERE o.status <> 'cancelled'",
        ),
        (
            "SELECT * FROM orders AS o FULL JOIN customers AS c ON o.customer_id = c.id",
            (
                "SELECT * FROM (SELECT * FROM orders WHERE orders.status <> 'cancelled') AS o "
                "FULL JOIN customers AS c ON o.customer_id = c.id"
            ),
        ),
        ("SELECT id FROM customers", "SELECT id FROM customers"),
    ],
)
def test_a_filter_goes_where_it_means_the_rows_that_are_read(sql, expected):
    assert sql_of(sql, KEPT) == expected


def test_a_filter_holds_in_every_scope():
    sql = (
        'WITH t AS (SELECT id FROM orders) SELECT id FROM t UNION SELECT id FROM "ORDERS" WHERE id IN '
        "(SELECT id FROM orders AS a JOIN main.orders AS b USING (id))"
    )
    assert said_of(sql, KEPT) == "filter orders.status <> 'cancelled' added in 4 places"


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("SELECT id FROM public.orders", "postgres"),
        ("SELECT public.orders.id FROM public.orders", "postgres"),
        ('SELECT id FROM "orders"', "postgres"),
        ("SELECT c.id FROM customers AS c, LATERAL (SELECT * FROM orders WHERE customer_id = c.id) AS o", "postgres"),
        ("SELECT x.n FROM customers AS c CROSS JOIN LATERAL (SELECT COUNT(*) AS n FROM orders) AS x", "postgres"),
        ("SELECT * FROM ONLY orders", "postgres"),
        ("TABLE orders", "postgres"),
        ("SELECT o FROM orders AS o", "postgres"),
        ("SELECT * FROM (orders CROSS JOIN customers)", "postgres"),
        ("SELECT * FROM orders AS o(a, b, status, c, d)", "postgres"),
        ("FROM orders", "duckdb"),
        ("PIVOT orders ON note USING SUM(amount)", "duckdb"),
        ("SELECT * FROM orders PIVOT (SUM(amount) FOR note IN ('a'))", "duckdb"),
        ("SELECT id FROM `ORDERS` USE INDEX (i)", "mysql"),
    ],
)
def test_no_way_to_read_a_table_is_without_its_filter(sql, dialect):
    assert said_of(sql, KEPT, dialect=dialect) == "filter orders.status <> 'cancelled' added"


def test_a_table_of_another_schema_is_another_table():
    assert said_of("SELECT id FROM sales.orders", KEPT, dialect="postgres") is None


def test_a_column_that_may_be_empty_keeps_its_empty_rows():
    but = FilterRows(table="orders", column="note", operator="not in", values=("a", "b"))
    assert sql_of("SELECT id FROM orders", but) == (
        "SELECT id FROM orders WHERE (NOT orders.note IN ('a', 'b') OR orders.note IS NULL)"
    )


@pytest.mark.parametrize(
    ("sql", "dialect", "reason"),
    [
        ("WITH orders AS (SELECT * FROM orders) SELECT * FROM orders", "sqlite", "another name"),
        ("SELECT id FROM customers WHERE id IN orders", "sqlite", "IN (SELECT column FROM table)"),
        ("SELECT * FROM (SUMMARIZE orders)", "duckdb", "SUMMARIZE"),
    ],
)
def test_what_does_not_say_plainly_what_it_reads_goes_back_to_the_model(sql, dialect, reason):
    assert reason in broken(sql, KEPT, dialect=dialect)
    assert sql_of(sql, LimitRows(rows=9), dialect=dialect)


@pytest.mark.parametrize(
    ("how", "dialect", "shown", "said"),
    [
        ("full", "sqlite", "CASE WHEN customers.email IS NULL THEN NULL ELSE '***' END", "full"),
        ("hash", "sqlite", "CASE WHEN customers.email IS NULL THEN NULL ELSE '***' END", "the engine cannot hash"),
        ("hash", "postgres", "MD5(CAST(customers.email AS TEXT))", "hash"),
        ("hash", "mysql", "MD5(CAST(customers.`email` AS CHAR))", "hash"),
        ("partial", "duckdb", "'***' || SUBSTR(CAST(customers.email AS TEXT), LENGTH(", "partial"),
        ("partial", "mysql", "CONCAT('***', SUBSTR(CAST(customers.`email` AS CHAR), CHAR_LENGTH(", "partial"),
    ],
)
def test_a_mask_takes_the_columns_place(how, dialect, shown, said):
    mask = MaskColumn(table="customers", column="email", how=how)
    made = applied("SELECT * FROM customers", rule(mask), dialect=dialect)
    assert shown in made.sql
    assert said in next(iter(made.done.values()))


def test_a_mask_of_a_number_is_a_null_of_its_type():
    mask = MaskColumn(table="customers", column="credit")
    assert "CASE WHEN 1 = 0 THEN customers.credit END AS credit" in sql_of("SELECT credit FROM customers", mask)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT email FROM customers",
        "SELECT * FROM customers",
        "SELECT c.* FROM customers AS c",
        "SELECT id FROM customers ORDER BY EMAIL",
        'SELECT MAX(LENGTH("Email")) FROM customers',
        "SELECT id FROM customers AS c(id, a, b, d)",
        "SELECT o.id FROM orders AS o NATURAL JOIN customers AS c",
        "SELECT 1 FROM customers AS a JOIN customers AS b USING (email)",
    ],
)
def test_a_mask_is_there_wherever_the_column_could_be_seen(sql):
    assert "column customers.email masked" in said_of(sql, MASKED, dialect="postgres")


@pytest.mark.parametrize(
    "sql", ["SELECT COUNT(*) FROM customers", "SELECT name FROM customers", "SELECT * FROM orders"]
)
def test_a_statement_that_cannot_see_the_column_stays_as_it_is(sql):
    assert sql_of(sql, MASKED) == sql
    assert said_of(sql, MASKED) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT EMAIL FROM customers",
        'SELECT c."email" FROM customers AS c',
        "SELECT id FROM customers WHERE email IS NULL",
        (
            "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM orders AS o WHERE note = email) AND id IN "
            "(SELECT id FROM customers WHERE email LIKE 'a%')"
        ),
    ],
)
def test_a_forbidden_column_is_not_named(sql):
    assert broken(sql, HIDDEN) == "the rule 'the rule' does not allow it: customers.email must not be read"


def test_a_forbidden_column_is_left_out_of_a_star():
    made = applied("SELECT * FROM customers", rule(HIDDEN))
    assert "email" not in made.sql
    assert list(made.done.values()) == ["checked: customers.email is not read; column customers.email left out"]


def test_another_tables_column_of_the_name_is_not_forbidden():
    own = ForbidReading(table="customers", column="id")
    assert sql_of("SELECT id FROM orders", own) == "SELECT id FROM orders"
    assert broken("SELECT o.id FROM orders AS o JOIN customers AS c ON c.id = o.customer_id", own)


def test_a_forbidden_table_is_not_read():
    assert "customers must not be read" in broken("SELECT 1 FROM Customers", ForbidReading(table="customers"))


@pytest.mark.parametrize(
    ("sql", "passes"),
    [
        ("SELECT id FROM orders WHERE status = 'paid'", True),
        ("SELECT id FROM orders AS o WHERE id > 1 AND (o.status IN ('paid'))", True),
        ("SELECT 1 FROM customers AS c JOIN orders AS o ON o.customer_id = c.id AND o.status = 'paid'", True),
        ("SELECT id FROM customers", True),
        ("SELECT id FROM orders", False),
        ("SELECT id FROM orders WHERE status = status", False),
        ("SELECT id FROM orders WHERE status = 'paid' OR TRUE", False),
        ("SELECT id FROM orders WHERE NOT (status = 'paid')", False),
        ("SELECT 1 FROM customers AS c LEFT JOIN orders AS o ON o.status = 'paid'", False),
        ("SELECT id FROM orders WHERE status = 'paid' UNION SELECT id FROM orders", False),
    ],
)
def test_a_required_condition_must_restrict_every_place(sql, passes):
    required = RequireCondition(table="orders", column="status")
    if passes:
        assert sql_of(sql, required) == sql
    else:
        assert "orders must be restricted by a condition on orders.status" in broken(sql, required)


@pytest.mark.parametrize(
    ("sql", "mode", "expected"),
    [
        ("SELECT id FROM orders", "default", "SELECT id FROM orders LIMIT 10"),
        ("SELECT id FROM orders LIMIT 99", "default", "SELECT id FROM orders LIMIT 99"),
        ("SELECT COUNT(*) FROM orders", "default", "SELECT COUNT(*) FROM orders"),
        ("SELECT COUNT(*) OVER () FROM orders", "default", "SELECT COUNT(*) OVER () FROM orders LIMIT 10"),
        ("SELECT status, COUNT(*) FROM orders GROUP BY status", "default", None),
        ("SELECT id FROM orders LIMIT 99", "maximum", "SELECT id FROM orders LIMIT 10"),
        ("SELECT id FROM orders LIMIT 9", "maximum", "SELECT id FROM orders LIMIT 9"),
        ("SELECT id FROM orders LIMIT 3 + 90", "maximum", "SELECT id FROM orders LIMIT 10"),
        ("SELECT id FROM orders UNION SELECT id FROM customers", "maximum", None),
        ("SELECT id FROM orders WHERE id IN (SELECT id FROM orders LIMIT 5)", "maximum", None),
        ("VALUES (1), (2)", "default", "SELECT * FROM (VALUES (1), (2)) AS answer LIMIT 10"),
    ],
)
def test_a_limit_is_on_the_answer(sql, mode, expected):
    assert sql_of(sql, LimitRows(rows=10, mode=mode)) == (expected or f"{sql} LIMIT 10")


def test_an_alias_is_given_and_columns_say_it():
    sql = "SELECT orders.id FROM orders JOIN customers ON orders.customer_id = customers.id WHERE orders.id IN (SELECT id FROM orders)"
    assert sql_of(sql, AliasTables()) == (
        "SELECT o.id FROM orders AS o JOIN customers AS c ON o.customer_id = c.id WHERE o.id IN (SELECT id FROM orders AS o)"
    )
    assert said_of(sql, AliasTables()) == "alias given to 3 tables"


def test_where_a_name_means_two_things_the_alias_is_the_name_itself():
    sql = "SELECT orders.id FROM orders WHERE EXISTS(SELECT 1 FROM customers AS orders WHERE orders.id = 1)"
    assert sql_of(sql, AliasTables()) == sql.replace("FROM orders WHERE", "FROM orders AS orders WHERE")


def test_tables_that_have_aliases_need_no_rule():
    assert said_of("SELECT o.id FROM orders AS o", AliasTables()) is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT AVG(amount) AS a FROM orders", "SELECT ROUND(AVG(amount), 2) AS a FROM orders"),
        ("SELECT amount FROM orders", "SELECT ROUND(amount, 2) AS amount FROM orders"),
        ("SELECT id, SUM(amount) FROM orders GROUP BY id", "SELECT id, ROUND(SUM(amount), 2) FROM orders GROUP BY id"),
        ("SELECT COUNT(*), MAX(id), status FROM orders", "SELECT COUNT(*), MAX(id), status FROM orders"),
        ("SELECT ROUND(amount, 4) FROM orders", "SELECT ROUND(amount, 4) FROM orders"),
        ("SELECT id FROM (SELECT id, amount FROM orders) AS t", "SELECT id FROM (SELECT id, amount FROM orders) AS t"),
    ],
)
def test_fractions_of_the_answer_are_rounded(sql, expected):
    assert sql_of(sql, RoundNumbers(decimals=2)) == expected


def test_postgres_rounds_numeric_only():
    assert sql_of("SELECT AVG(amount) FROM orders", RoundNumbers(decimals=1), dialect="postgres") == (
        "SELECT ROUND(CAST(AVG(amount) AS DECIMAL), 1) FROM orders"
    )


def test_of_two_that_conflict_the_winner_says_so():
    winner = rule(LimitRows(rows=5), name="five", priority=200, age=3)
    loser = rule(LimitRows(rows=9), name="nine")
    made = applied("SELECT id FROM orders", loser, winner)
    assert made.sql == "SELECT id FROM orders LIMIT 5"
    assert made.done == {winner.rule_id: "limited to 5 rows; in place of the rule 'nine', which conflicts with it"}


def test_a_rule_whose_conditions_do_not_hold_does_nothing():
    aggregates = rule(LimitRows(rows=5), conditions=RuleConditions(intent="aggregate"))
    refunds = rule(LimitRows(rows=5), conditions=RuleConditions(words=("refund",)))
    customers = rule(LimitRows(rows=5), conditions=RuleConditions(tables=("customers",)))
    sql = "SELECT id FROM orders"
    assert applied(sql, aggregates, refunds, customers).sql == sql
    assert applied(sql, refunds, question="Which refunds are open?").sql == f"{sql} LIMIT 5"


def test_effects_on_what_the_schema_lacks_do_nothing():
    sql = "SELECT id FROM orders"
    effects = (ForbidReading(table="salaries"), MaskColumn(table="orders", column="iban"))
    assert sql_of(sql, *effects) == sql


def test_words_that_say_it_for_sure_are_as_good_as_effects():
    words = rule(rule_content="Never show e-mail addresses")
    with pytest.raises(RuleBroken, match=r"customers\.email must not be read"):
        applied("SELECT email FROM customers", words)


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql", "duckdb"])
def test_everything_at_once_passes_the_guard_in_every_dialect(dialect):
    effects = (
        KEPT,
        MASKED,
        MaskColumn(table="customers", column="name", how="partial"),
        MaskColumn(table="customers", column="credit", how="hash"),
        AliasTables(),
        RoundNumbers(decimals=2),
        LimitRows(rows=10),
    )
    sql = "SELECT customers.*, AVG(amount) FROM customers LEFT JOIN orders ON customer_id = customers.id GROUP BY 1"
    assert len(said_of(sql, *effects, dialect=dialect).split(";")) == len(effects)


@pytest.mark.parametrize(
    "effect",
    [
        MaskColumn(table="Orders", column="status"),
        ForbidReading(table="orders", column="status"),
        ForbidReading(table="orders", column=None),
    ],
)
def test_no_sample_value_of_a_covered_column_is_shown_to_a_model(effect):
    schema = DatabaseSchema(dialect="sqlite", tables=TABLES)
    shown = RuleBook([rule(effect)], "How many?", schema).without_covered_samples(schema)
    assert not any(column.samples for table in shown.tables for column in table.columns)
    untouched = RuleBook([rule(KEPT)], "How many?", schema).without_covered_samples(schema)
    assert untouched is schema
