"""The classes are those of Spider; the examples are its kinds of query over tables of our own."""

import pytest

from memori_cli.evaluation.text2sql.difficulty import difficulty, is_ordered, parsed

JOIN = "FROM customers AS c JOIN orders AS o ON o.customer_id = c.customer_id"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT COUNT(*) FROM customers WHERE country = 'NO'", "easy"),
        ("SELECT name FROM customers", "easy"),
        ("SELECT name, city FROM customers WHERE country = 'NO'", "medium"),
        (f"SELECT c.name {JOIN} WHERE o.total > 10", "medium"),
        ("SELECT country, COUNT(*) FROM customers GROUP BY country", "medium"),
        ("SELECT name FROM customers WHERE country = 'NO' AND city = 'Oslo' ORDER BY name", "medium"),
        (f"SELECT c.name {JOIN} GROUP BY c.name HAVING COUNT(*) > 3 ORDER BY c.name", "hard"),
        ("SELECT name FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders)", "hard"),
        ("SELECT city FROM customers UNION SELECT city FROM suppliers", "hard"),
        (f"SELECT c.name, COUNT(*) {JOIN} GROUP BY c.name ORDER BY COUNT(*) DESC LIMIT 1", "extra"),
        (f"SELECT c.name {JOIN} WHERE o.total > (SELECT AVG(total) FROM orders)", "extra"),
    ],
)
def test_a_query_is_of_the_class_its_parts_say(sql, expected):
    assert difficulty(parsed(sql)) == expected


def test_what_a_subquery_does_is_its_own():
    plain = "SELECT name FROM customers WHERE customer_id IN (SELECT customer_id FROM orders{})"
    busy = plain.format(" WHERE total > 3 AND paid = 1 GROUP BY customer_id ORDER BY COUNT(*) LIMIT 3")
    assert difficulty(parsed(busy)) == difficulty(parsed(plain.format("")))


def test_only_the_order_of_the_whole_orders_the_result():
    assert is_ordered(parsed("SELECT a FROM t ORDER BY a"))
    assert is_ordered(parsed("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1"))
    assert not is_ordered(parsed("SELECT a FROM (SELECT a FROM t ORDER BY a)"))
