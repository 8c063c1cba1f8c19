"""What holds for any question and any memory: one query over tables of the schema, or none."""

import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from sql_generator.generation.offline.statements import typed_sql

WORDS = st.sampled_from(
    str.split("""
    how many number of average total maximum most least top 5 the customers customer orders order products items name names
    email country status paid cancelled France Germany 'x' "y" price quantity category per by for each month year in 2025
    last without with no not never more than at least 3 between and or , ? . sorted descending highest cheapest
    distinct different whose is who have ordered latest since March 100 total revenue both either contains starts missing
    all information their its of from where which what show list
    """)
)
QUESTIONS = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)
TEXT = st.one_of(
    QUESTIONS, st.text(max_size=60), st.lists(st.one_of(WORDS, st.text(max_size=6)), max_size=8).map(" ".join)
)
CLAUSES = st.lists(
    st.sampled_from(
        str.split("""
        revenue means is sum ( ) order_items . quantity * unit_price orders status = 'paid' ; , -- /* */ select from drop
        table exclude cancelled never count only by default where union all customers whose aliases always limit to 5
        sorted name pg_sleep load_extension '' " $$ or 1 = 1 price over 10 a product is expensive when
        """)
    ),
    min_size=1,
    max_size=18,
).map(" ".join)
RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_one_query_of(shop, sql):
    statements = sqlglot.parse(sql, dialect="sqlite")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Select)
    known = {table.name for table in shop.tables}
    assert {table.name for table in statements[0].find_all(exp.Table)} <= known
    assert not statements[0].find(exp.Command, exp.Into)
    return True


@RELAXED
@given(question=TEXT)
def test_any_question_gets_one_query_of_the_schema_or_none(ask, shop, shop_rows, question):
    draft = ask(question)

    if draft.sql is None:
        assert draft.confidence < 0.3
        assert draft.explanation.startswith("Offline: ")
    elif draft.sql != question.strip():
        assert is_one_query_of(shop, draft.sql)
        shop_rows(draft.sql)


@RELAXED
@given(content=st.one_of(CLAUSES, st.text(max_size=80)))
def test_no_memory_brings_in_a_statement_a_table_or_a_function(ask, shop, shop_rows, content):
    for question in ("total revenue", "how many orders", "expensive products", "customers"):
        draft = ask(question, remembered=[content])
        if draft.sql is not None:
            assert is_one_query_of(shop, draft.sql)
            functions = {type(call) for call in sqlglot.parse_one(draft.sql, dialect="sqlite").find_all(exp.Func)}
            assert functions <= {exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max, exp.Round, exp.And, exp.Or, exp.Exists}
            shop_rows(draft.sql)


@RELAXED
@given(question=QUESTIONS, literal=st.text(min_size=1, max_size=20).filter(lambda text: not set("'\"") & set(text)))
def test_a_replaced_literal_stays_a_literal(ask, question, literal):
    example = (f"{question} 'old value'", "SELECT name FROM customers WHERE country = 'old value'", "verified")
    draft = ask(f'{question} "{literal}"', examples=[example])

    if draft.used_examples and draft.sql != example[1]:
        tree = sqlglot.parse_one(draft.sql, dialect="sqlite")
        assert [found.name for found in tree.find_all(exp.Literal) if found.is_string] == [literal.strip()]


@RELAXED
@given(
    sql=st.sampled_from(["DROP TABLE x", "delete from orders", "SELECT 1; SELECT 2"]),
    spaces=st.text(" \n\t", max_size=3),
)
def test_a_statement_is_recognised_whatever_surrounds_it(ask, shop, sql, spaces):
    assert ask(f"{spaces}{sql}{spaces}").sql == sql


def test_typed_sql_ignores_what_only_looks_like_sql(ask, shop):
    del ask
    from sql_generator.generation.offline.catalogue import Catalogue

    catalogue = Catalogue(shop)
    assert typed_sql("create a list of customers", catalogue) is None
    assert typed_sql("select the names of customers", catalogue) is None
    assert typed_sql("with which channel were orders placed", catalogue) is None
    assert typed_sql("update on orders please", catalogue) is None
