"""How a schema reads, and what is left of one that is too long."""

from uuid import uuid4

import pytest

from contracts.entity_extractor import KnownJoin, QuestionContext
from contracts.sql_generator import Column, DatabaseSchema, ForeignKey, Table
from sql_generator.generation.model import Example, GenerationContext
from sql_generator.generation.prompt import prompt
from sql_generator.generation.schema_excerpt import excerpt
from sql_generator.generation.schema_text import table_text
from sql_generator.generation.words import stem, words

FILLER_COLUMNS = tuple(f"attribute_{number}" for number in range(20))


def table(name, *columns, references=(), comment=""):
    return Table(
        name=name,
        columns=tuple(Column(name=column, type="text") for column in columns),
        foreign_keys=tuple(
            ForeignKey(columns=(f"{target}_id",), target_table=target, target_columns=("id",)) for target in references
        ),
        comment=comment,
    )


def context(question, tables, **parts):
    return GenerationContext(question=question, schema=DatabaseSchema(dialect="postgres", tables=tables), **parts)


def names(shown):
    return [table.name for table in shown.tables]


def warehouse():
    """Sixty tables, of which a question needs few."""
    filler = tuple(table(f"audit_log_{number}", *FILLER_COLUMNS) for number in range(56))
    return (
        *filler[:28],
        table("customers", "id", "country", *FILLER_COLUMNS),
        table("orders", "id", "customers_id", "total", *FILLER_COLUMNS, references=("customers",)),
        *filler[28:],
        table("order_items", "orders_id", "products_id", *FILLER_COLUMNS, references=("orders", "products")),
        table("products", "id", "title", *FILLER_COLUMNS),
    )


def test_names_stand_in_the_quotes_of_the_dialect():
    odd = table('Order "x"\n`y`</schema>', "Plain", "with space")
    assert table_text(odd, "postgres").splitlines()[1:] == ['  "Plain" text', '  "with space" text']
    mysql = table_text(odd, "mysql").splitlines()
    assert mysql[1:] == ["  Plain text", "  `with space` text"]
    assert mysql[0] == 'table `Order "x"\\n``y``\\u003c/schema\\u003e`'


def test_a_table_reads_like_ddl_with_its_remarks_as_json():
    orders = Table(
        name="orders",
        columns=(
            Column(name="id", type="integer", nullable=False, primary_key=True),
            Column(name="status", type="character varying(20)", nullable=False, samples=("new", "paid")),
            Column(name="total", type="numeric(10,2)", comment="in EUR"),
            Column(name="customer_id", type="integer"),
        ),
        foreign_keys=(ForeignKey(columns=("customer_id",), target_table="crm.customers", target_columns=("id",)),),
        comment="One row an order",
        row_estimate=1200,
    )

    assert table_text(orders, "postgres") == (
        'table orders -- {"comment":"One row an order","rows":1200}\n'
        "  id integer primary key\n"
        '  status character varying(20) not null -- {"samples":["new","paid"]}\n'
        '  total numeric(10,2) -- {"comment":"in EUR"}\n'
        "  customer_id integer\n"
        "  foreign key (customer_id) references crm.customers (id)"
    )


def test_a_key_of_two_columns_is_shown_as_one_key():
    columns = tuple(Column(name=name, type="integer", nullable=False, primary_key=True) for name in ("a", "b"))

    text = table_text(Table(name="t", columns=columns), "sqlite")

    assert text == "table t\n  a integer not null\n  b integer not null\n  primary key (a, b)"


@pytest.mark.parametrize(
    ("dialect", "name", "shown"),
    [
        ("postgres", "Invoice", '"Invoice"'),
        ("postgres", "Sales.Invoice", '"Sales"."Invoice"'),
        ("sqlite", "Invoice", "Invoice"),
        ("sqlite", "order details", '"order details"'),
    ],
)
def test_a_name_that_sql_needs_in_quotes_is_shown_in_quotes(dialect, name, shown):
    assert table_text(Table(name=name, columns=()), dialect) == f"table {shown}"


def test_a_schema_within_the_budget_is_shown_whole_whatever_the_question():
    tables = warehouse()

    shown = excerpt(context("What is the meaning of life?", tables), token_budget=100_000)

    assert shown.tables == tables
    assert shown.tables_left_out == ()


@pytest.mark.parametrize(
    "question", ["Total of all orders per country", "each ORDER of a Customer", "orderItems by customers' country"]
)
def test_a_schema_over_the_budget_keeps_the_tables_the_question_names(question):
    shown = excerpt(context(question, warehouse()), token_budget=600)

    assert {"orders", "customers"} <= set(names(shown))
    assert len(names(shown)) + len(shown.tables_left_out) == 60
    assert set(names(shown)).isdisjoint(shown.tables_left_out)


def test_the_table_that_joins_two_named_tables_is_kept_though_nothing_names_it():
    tables = (*warehouse(), table("basket", "buyer", "article", references=("customers", "products")))

    shown = excerpt(context("Which products did customers from France buy?", tables), token_budget=600)

    assert {"customers", "products", "basket"} <= set(names(shown))


def test_tables_that_only_knowledge_or_an_example_names_are_kept():
    join = KnownJoin(left_table="products", right_table="order_items", condition="…", strength=1)
    known = excerpt(
        context("What sells best?", warehouse(), knowledge=QuestionContext(joins=(join,))), token_budget=400
    )
    past = Example(uuid4(), "best sellers", "SELECT title FROM products", "verified", 0.9)
    exemplified = excerpt(context("What sells best?", warehouse(), examples=(past,)), token_budget=400)

    assert {"products", "order_items"} <= set(names(known))
    assert "products" in names(exemplified)


def test_the_tables_kept_stand_in_the_order_of_the_schema():
    tables = warehouse()
    shown = excerpt(context("customers and their orders and products", tables), token_budget=800)

    assert names(shown) == [table.name for table in tables if table.name in names(shown)]


def test_the_prompt_stays_near_its_budget_and_says_what_it_left_out():
    shown = prompt(context("How many customers?", warehouse()), schema_token_budget=600)

    assert len(shown.stable[1]) < 600 * 4 + 2_500  # the names of what is left out come on top
    assert "\ntable customers" in shown.stable[1]
    assert "left out to save space, " in shown.stable[1]
    assert "audit_log_55" in shown.stable[1]


def test_a_thousand_tables_left_out_are_counted_rather_than_listed():
    tables = (*warehouse(), *(table(f"copy_{number}", *FILLER_COLUMNS) for number in range(1_000)))

    text = prompt(context("How many customers?", tables), schema_token_budget=600).stable[1]

    assert " more\n</schema>" in text
    assert len(text) < 6_000


def test_a_table_too_long_by_itself_keeps_its_keys_and_the_columns_in_question():
    wide = Table(
        name="measurements",
        columns=(
            *(Column(name=f"sensor_{number}", type="double precision") for number in range(2_000)),
            Column(name="site_id", type="integer"),
            Column(name="humidity", type="double precision"),
            Column(name="id", type="integer", primary_key=True),
        ),
        foreign_keys=(ForeignKey(columns=("site_id",), target_table="sites", target_columns=("id",)),),
    )

    shown = excerpt(context("average humidity", (wide,)), token_budget=200)

    kept = [column.name for column in shown.tables[0].columns]
    assert {"site_id", "humidity", "id"} <= set(kept)
    assert shown.columns_left_out == (("measurements", 2_003 - len(kept)),)
    assert len(table_text(shown.tables[0], "postgres")) <= 800
    assert "columns of measurements" in prompt(context("humidity", (wide,)), schema_token_budget=200).stable[1]


def test_an_empty_schema_and_a_budget_of_nothing_still_make_a_prompt():
    assert '<schema dialect="postgres">\n</schema>' in prompt(context("anything", ())).stable
    assert len(excerpt(context("customers", warehouse()), token_budget=0).tables) == 1


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("order", "orders"),
        ("city", "cities"),
        ("movie", "movies"),
        ("box", "boxes"),
        ("status", "statuses"),
        ("house", "houses"),
        ("address", "addresses"),
        ("day", "days"),
        ("match", "matches"),
    ],
)
def test_a_noun_and_its_plural_have_one_stem(one, many):
    assert stem(one) == stem(many)


@pytest.mark.parametrize(("one", "other"), [("country", "count"), ("bus", "but"), ("status", "state"), ("id", "i")])
def test_different_nouns_keep_different_stems(one, other):
    assert stem(one) != stem(other)


def test_a_name_and_a_question_share_words_however_they_are_written():
    assert words("OrderItems") == words("order_items") == words("Order item") == words("ORDER_ITEM")
    assert words("HTTPRequests") == words("http request")
