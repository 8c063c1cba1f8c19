import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import QueryResult, ResultColumn
from sql_generator.domain.charts import chart_for


def result(names, rows, **changes):
    columns = tuple(ResultColumn(name=name, type="any") for name in names.split("|"))
    return QueryResult(columns=columns, rows=tuple(map(tuple, rows)), row_count=len(rows), elapsed_ms=1, **changes)


def described(chart):
    """The mark and, by channel, the field and its type."""
    return chart and (
        chart["mark"]["type"],
        {channel: (axis["field"], axis["type"]) for channel, axis in chart["encoding"].items()},
    )


CHARTS = {
    "a measure by day": (
        result("day|revenue", [("2026-01-01", 1), ("2026-01-02", 2.5)]),
        ("line", {"x": ("day", "temporal"), "y": ("revenue", "quantitative")}),
    ),
    "a measure by month": (
        result("month|n", [("2026-01", 1), ("2026-02", 2)]),
        ("line", {"x": ("month", "ordinal"), "y": ("n", "quantitative")}),
    ),
    "a measure by year": (
        result("year|n", [(2025, 1), (2026, 2)]),
        ("line", {"x": ("year", "ordinal"), "y": ("n", "quantitative")}),
    ),
    "a measure by day and country": (
        result("day|country|n", [("2026-01-01", "AT", 1), ("2026-01-01", "DE", 2)]),
        ("line", {"x": ("day", "temporal"), "y": ("n", "quantitative"), "color": ("country", "nominal")}),
    ),
    "a measure of few categories": (
        result("country|n", [("AT", 1), ("DE", None), (None, 3)]),
        ("bar", {"x": ("country", "nominal"), "y": ("n", "quantitative")}),
    ),
    "a measure of long names": (
        result("customer|n", [("The Very Long Company", 1), ("Short", 2)]),
        ("bar", {"y": ("customer", "nominal"), "x": ("n", "quantitative")}),
    ),
    "a measure of identifiers": (
        result("customer_id|n", [(17, 1), (18, 2)]),
        ("bar", {"x": ("customer_id", "nominal"), "y": ("n", "quantitative")}),
    ),
    "two measures": (
        result("price|sold|name", [(1, 5, "a"), (2, 3, "b")]),
        ("point", {"x": ("price", "quantitative"), "y": ("sold", "quantitative"), "tooltip": ("name", "nominal")}),
    ),
    "one value": (result("n", [(3,)]), None),
    "one row": (result("country|n", [("AT", 1)]), None),
    "no measure": (result("name|city", [("Ada", "London"), ("Bob", "Paris")]), None),
    "a list of many columns": (result("a|b|c|d", [(1, 2, 3, 4), (5, 6, 7, 8)]), None),
    "more categories than bars fit": (result("name|n", [(f"c{i}", i) for i in range(51)]), None),
    "a category twice": (result("name|n", [("a", 1), ("a", 2)]), None),
    "two columns of one name": (result("n|n", [(1, 2), (3, 4)]), None),
    "a result that was cut": (result("name|n", [("a", 1), ("b", 2)], truncated=True, truncated_by="rows"), None),
    "names that are paths to Vega": (
        result("o.country[0]|n", [("a", 1), ("b", 2)]),
        ("bar", {"x": (r"o\.country\[0\]", "nominal"), "y": ("n", "quantitative")}),
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_result_has_its_natural_chart_or_none(name):
    rows, chart = CHARTS[name]
    assert described(chart_for(rows)) == chart


def test_the_rows_are_not_part_of_the_chart():
    chart = chart_for(CHARTS["a measure by day"][0])
    assert chart["data"] == {"name": "result"}
    assert "2026" not in json.dumps(chart)


values = st.sampled_from([None, True, 0, 3, 2.5, -1e300, "", "a.b", "2026-01-01", "2026-13", [1], {"a": 1}])


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(values, min_size=width, max_size=width), max_size=6)))
def test_any_result_is_judged(rows):
    names = "|".join(f"c{number}" for number in range(len(rows[0]) if rows else 1))
    chart = chart_for(result(names, rows))
    assert chart is None or {axis["field"] for axis in chart["encoding"].values()} <= set(names.split("|"))
