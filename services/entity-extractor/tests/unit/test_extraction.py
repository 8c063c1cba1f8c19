"""What is read from a statement, name by name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.extraction import UnreadableSql, extract

SHOP = {
    "customers": ["id", "name", "city"],
    "orders": ["id", "customer_id", "amount", "status", "created_at"],
    "order_items": ["order_id", "product_id", "quantity"],
    "products": ["product_id", "title", "price"],
    "employees": ["id", "manager_id", "city"],
    "sales.deals": ["deal_id", "customer_id"],
    "Mixed Case": ["Id", "order"],
}
CUSTOMER = "customers.id = orders.customer_id"


def facts(sql, dialect="postgres"):
    return extract(sql, dialect, SHOP)


def joins(sql, dialect="postgres"):
    return {join.condition for join in facts(sql, dialect).joins}


def names(columns):
    return {column.name for column in columns}


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from customers join orders on customers.id = orders.customer_id",
        "select 1 from orders o join customers c on o.customer_id = c.id",
        "select 1 from orders as o left join customers as c on (c.id = o.customer_id)",
        "select 1 from customers c, orders o where o.customer_id = c.id and o.amount > 3",
        "select 1 from customers c cross join orders o where c.id = o.customer_id",
        "select 1 from customers c join orders on c.id = customer_id",
        "select 1 from public.customers join public.orders on customers.id = orders.customer_id",
        "select 1 from (customers c join orders o on c.id = o.customer_id)",
        "select 1 from customers c join orders o on c.id = o.customer_id and o.status = 'paid'",
        "select name from customers where id in (select customer_id from orders)",
        "select name from customers where id not in (select o.customer_id from orders o where amount > 5)",
        "select name from customers where id = any (select customer_id from orders)",
        "select name from customers where not exists (select 1 from orders o where o.customer_id = customers.id)",
        "select (select sum(amount) from orders o where o.customer_id = c.id) from customers c",
        "with big as (select customer_id as who from orders) select 1 from big join customers c on c.id = big.who",
        "with big(who) as (select customer_id from orders) select 1 from big join customers c on c.id = who",
        "with o as (select * from orders) select 1 from customers c join o on o.customer_id = c.id",
        "select 1 from (select customer_id cid, amount from orders) o join customers c on o.cid = c.id",
        "select 1 from (select o.* from orders o) s join customers c on s.customer_id = c.id",
        "select 1 from customers c, lateral (select 1 from orders o where o.customer_id = c.id) l",
        "select 1 from customers union select 1 from customers c join orders o on c.id = o.customer_id",
        "with recursive r as (select id from customers union select o.id from r, orders o where customer_id = r.id) table r",
    ],
)
def test_a_join_is_the_same_however_it_is_written(sql):
    assert joins(sql) == {CUSTOMER}


@pytest.mark.parametrize("sql", ["SELECT 1 FROM Customers C JOIN ORDERS O ON c.ID = o.Customer_Id"])
def test_sqlite_compares_names_without_regard_to_case(sql):
    assert joins(sql, "sqlite") == {CUSTOMER}


def test_postgres_keeps_the_case_of_quoted_names_only():
    assert joins('select 1 from "orders" join CUSTOMERS on "orders"."customer_id" = CUSTOMERS.ID') == {CUSTOMER}
    assert joins('select 1 from "Orders" o join customers c on c.id = o.customer_id') == set()


def test_names_that_need_quotes_get_them():
    assert joins('select 1 from "Mixed Case" m join orders o on m."order" = o.id') == {
        '"Mixed Case"."order" = orders.id'
    }


def test_tables_of_other_schemas_are_found_by_their_full_name():
    found = facts("select 1 from sales.deals d join customers c on c.id = d.customer_id where d.deal_id = 4")
    assert {join.condition for join in found.joins} == {"customers.id = sales.deals.customer_id"}
    assert found.tables == {"sales.deals", "customers"}
    assert names(found.filters) == {"sales.deals.deal_id"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select 1 from order_items join products using (product_id)",
            {"order_items.product_id = products.product_id"},
        ),
        ("select 1 from order_items natural join products", {"order_items.product_id = products.product_id"}),
        ("select 1 from employees e join employees m on e.manager_id = m.id", {"employees.id = employees.manager_id"}),
        (
            "select 1 from orders o join customers c on o.customer_id = c.id and o.status = c.city",
            {"customers.city = orders.status and customers.id = orders.customer_id"},
        ),
        (
            "select 1 from customers c, orders o, order_items i where c.id = o.customer_id and i.order_id = o.id",
            {CUSTOMER, "order_items.order_id = orders.id"},
        ),
        (
            "select 1 from orders where (id, customer_id) in (select order_id, product_id from order_items)",
            {"order_items.order_id = orders.id and order_items.product_id = orders.customer_id"},
        ),
    ],
)
def test_joins_of_every_kind(sql, expected):
    assert joins(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from customers c join orders o on c.id = o.customer_id or c.name = o.status",
        "select 1 from customers c join orders o on c.id > o.customer_id",
        "select 1 from employees a join employees b on a.city = b.city",
        "select 1 from orders where id = customer_id",
        "select 1 from customers c join (select count(*) as n from orders) o on c.id = o.n",
        "select 1 from customers c join orders o on c.id = o.customer_id + 1",
        "select 1 from customers cross join orders",
        "select 1 from information_schema.orders o join customers c on c.id = o.customer_id",
        "with orders as (select 1 as customer_id) select 1 from orders o join customers c on c.id = o.customer_id",
    ],
)
def test_what_only_looks_like_a_join_is_none(sql):
    assert joins(sql) == set()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("o.status = 'paid'", {"orders.status"}),
        ("'paid' = o.status or o.amount between 1 and 2", {"orders.status", "orders.amount"}),
        ("not (o.status in ('a', 'b') and amount is null)", {"orders.status", "orders.amount"}),
        ("lower(o.status) like 'p%'", {"orders.status"}),
        ("o.amount * 2 > 5", {"orders.amount"}),
        ("o.created_at >= current_date - interval '1 year'", {"orders.created_at"}),
        ("extract(year from o.created_at) = 2024", {"orders.created_at"}),
        ("o.amount > (select avg(amount) from orders)", {"orders.amount"}),
        ("o.amount > $1", {"orders.amount"}),
        ("o.status ~* '^p'", {"orders.status"}),
        ("o.amount > c.id", set()),
        ("o.id = o.customer_id", set()),
        ("o.customer_id = c.id", set()),
        ("o.id = d.n", set()),
        ("o.id = hidden", set()),
        ("1 = 1", set()),
    ],
)
def test_a_filter_compares_a_column_with_a_value(condition, expected):
    assert (
        names(facts(f"select 1 from orders o, customers c, (select count(*) as n) d where {condition}").filters)
        == expected
    )


def test_conditions_of_a_join_and_of_groups_filter_too():
    sql = (
        "select c.city, sum(o.amount) as total from customers c left join orders o on o.customer_id = c.id "
        "and o.status = 'paid' group by c.city having sum(o.amount) > 100 and max(created_at) < now()"
    )
    assert names(facts(sql).filters) == {"orders.status", "orders.amount", "orders.created_at"}


def test_sqlite_takes_an_unknown_quoted_name_for_a_string():
    found = facts('select name from customers where city = "Berlin"', "sqlite")
    assert names(found.filters) == {"customers.city"}
    assert found.unknown == frozenset()


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("sum(o.amount)", {("sum", "orders.amount")}),
        ("count(distinct customer_id), count(*)", {("count", "orders.customer_id")}),
        ("round(avg(amount), 2)", {("avg", "orders.amount")}),
        ("min(created_at) over (partition by status)", {("min", "orders.created_at")}),
        (
            "max(case when status = 'paid' then amount end)",
            {("max", "orders.status"), ("max", "orders.amount")},
        ),
        ("amount, lower(status)", set()),
    ],
)
def test_aggregated_columns_are_found_with_their_function(selection, expected):
    found = facts(f"select {selection} from orders o").aggregates
    assert {(item.function, item.column.name) for item in found} == expected


def test_the_greater_of_two_values_is_no_aggregate_in_sqlite():
    assert facts("select max(id, amount) from orders", "sqlite").aggregates == frozenset()


@pytest.mark.parametrize(
    ("select", "group", "expected"),
    [
        ("status, count(*)", "status", {"orders.status"}),
        ("status, count(*)", "1", {"orders.status"}),
        ("date_trunc('month', created_at) as month, count(*)", "month", {"orders.created_at"}),
        ("date_trunc('month', created_at) as status, count(*)", "status", {"orders.status"}),
        ("count(*)", "rollup (status, customer_id)", {"orders.status", "orders.customer_id"}),
        ("count(*)", "grouping sets ((status), ())", {"orders.status"}),
        ("count(*)", "99", set()),
    ],
)
def test_grouping_by_name_position_and_alias(select, group, expected):
    assert names(facts(f"select {select} from orders group by {group}").groupings) == expected


def test_every_column_of_the_schema_is_mentioned_once_whatever_the_clause():
    found = facts(
        "select c.name from customers c join orders o on c.id = o.customer_id join order_items i on i.order_id = o.id "
        "join products using (product_id) where o.status = 'x' order by products.price limit 3"
    )
    assert found.tables == {"customers", "orders", "order_items", "products"}
    assert names(found.columns) == {
        "customers.name",
        "customers.id",
        "orders.customer_id",
        "orders.id",
        "orders.status",
        "order_items.order_id",
        "order_items.product_id",
        "products.product_id",
        "products.price",
    }


def test_an_ambiguous_name_is_left_out():
    found = facts("select 1 from customers, employees where city = 'Berlin'")
    assert found.filters == frozenset()
    assert found.unknown == frozenset()


def test_tables_and_columns_that_the_schema_lacks_are_reported():
    found = facts("select c.age from customers c join invoices i on i.customer_id = c.id where c.city = 'x'")
    assert found.unknown == {"invoices", "age"}
    assert names(found.filters) == {"customers.city"}
    assert found.joins == frozenset()


@pytest.mark.parametrize(
    "sql",
    [
        "select relname from pg_class",
        "select * from generate_series(1, 3) as g(n) where n > 1",
        "select ctid, count(o) from orders o group by ctid",
        "select n from (values (1), (2)) as v(n)",
        "with t as (select 1 as n) select n from t",
    ],
)
def test_what_the_engine_itself_offers_is_not_unknown(sql):
    assert facts(sql).unknown == frozenset()


@pytest.mark.parametrize(
    "sql",
    ["", "select from where", "select 1; select 2", "drop table orders", "explain select 1", "select 'x", "((((", "\0"],
)
def test_what_is_not_one_query_is_unreadable(sql):
    with pytest.raises(UnreadableSql):
        facts(sql)


def test_nesting_without_end_is_unreadable_and_no_crash():
    with pytest.raises(UnreadableSql):
        facts("select " + "(" * 5_000 + "1" + ")" * 5_000)


@given(st.text(max_size=60), st.sampled_from(["postgres", "sqlite"]))
def test_any_text_is_read_or_refused(text, dialect):
    with suppress(UnreadableSql):
        extract("select " + text, dialect, SHOP)


aliases = st.sampled_from(["a", "b", "c", "o", "customers", "orders", "T1", "t_2"])


@given(
    left=aliases,
    right=aliases,
    explicit=st.booleans(),
    turned=st.booleans(),
    wrapped=st.sampled_from(["{}", "select * from ({}) z", "with w as ({}) select * from w"]),
    dialect=st.sampled_from(["postgres", "sqlite"]),
)
def test_aliases_order_and_nesting_do_not_change_what_is_found(left, right, explicit, turned, wrapped, dialect):
    if left.lower() == right.lower():
        right += "_"
    condition = f"{right}.customer_id = {left}.id" if turned else f"{left}.id = {right}.customer_id"
    tables = f"customers {left}", f"orders {right}"
    first, second = reversed(tables) if turned else tables
    source = f"{first} join {second} on {condition} where" if explicit else f"{first}, {second} where {condition} and"
    sql = f"select city, sum(amount) as total from {source} {right}.status = 'paid' group by city"
    found = extract(wrapped.format(sql), dialect, SHOP)
    assert {join.condition for join in found.joins} == {CUSTOMER}
    assert names(found.filters) == {"orders.status"}
    assert names(found.groupings) == {"customers.city"}
    assert {(item.function, item.column.name) for item in found.aggregates} == {("sum", "orders.amount")}
    assert found.unknown == frozenset()
