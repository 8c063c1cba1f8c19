from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import Column, Table
from sql_generator.domain.paging import tables_from


def table(number, columns, samples=()):
    return Table(
        name=f"t{number}",
        columns=tuple(Column(name=f"c{n}", type="text", samples=samples) for n in range(columns)),
    )


def pages(tables, budget):
    offset, found = 0, []
    while offset is not None:
        page, offset = tables_from(tables, offset, budget)
        found.append(page)
    return found


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(500, 20_000))
def test_the_pages_together_are_the_tables_and_none_is_larger_than_it_may_be(sizes, budget):
    tables = [table(number, size) for number, size in enumerate(sizes)]
    found = pages(tables, budget)
    assert [each for page in found for each in page] == tables
    for page in found:
        size = sum(len(each.model_dump_json().encode()) for each in page)
        assert size <= budget or len(page) == 1


def test_a_table_that_is_too_large_alone_keeps_its_columns_and_loses_its_samples():
    large = table(0, 50, samples=("x" * 60,) * 20)
    ((page,),) = pages([large], 10_000)
    assert [column.name for column in page.columns] == [column.name for column in large.columns]
    assert len(page.model_dump_json()) <= 10_000


def test_an_offset_behind_the_end_is_the_last_page():
    assert tables_from([table(0, 1)], 7) == ((), None)
