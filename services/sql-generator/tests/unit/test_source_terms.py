"""Which data source a question is about."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import Column, DatabaseSchema, Table
from sql_generator.domain.source_terms import MAX_TERMS, Known, asked_words, is_clear, ranked, terms_of


def schema(**tables):
    """Tables by name; columns separated by spaces, with samples after a colon."""
    return DatabaseSchema(
        dialect="sqlite",
        tables=tuple(
            Table(
                name=name,
                columns=tuple(
                    Column(name=part.split(":")[0], type="TEXT", samples=tuple(part.split(":")[1:]))
                    for part in columns.split()
                ),
            )
            for name, columns in tables.items()
        ),
    )


def known(name, found):
    return Known(uuid4(), name, "sqlite", terms_of(found))


SHOP = known("shop", schema(customers="id name city:Paris:London", orders="id customer_id amount status:paid:open"))
HOSPITAL = known("clinic", schema(patients="id name city", treatments="id patient_id drug:Aspirin amount"))
FLEET = known("fleet", schema(trucks="id plate", trips="id truck_id distance"))
ALL = (SHOP, HOSPITAL, FLEET)


def best(question):
    found = ranked(question, ALL)
    return (found[0].name if found else None), is_clear(found)


def test_the_source_whose_tables_and_values_a_question_names_is_clearly_meant():
    assert best("How many orders are there?") == ("shop", True)
    assert best("Which patients were given aspirin?") == ("clinic", True)
    assert best("What distance did each truck go?") == ("fleet", True)
    assert best("How many rows does the fleet have?") == ("fleet", True)


def test_what_several_sources_know_alike_is_not_clear():
    found = ranked("Which city has which amount?", ALL)
    assert [each.name for each in found] == ["clinic", "shop"]
    assert not is_clear(found)
    assert best("How many unicorns are there?") == (None, False)


def test_the_reasons_name_where_the_words_are_the_most_telling_first():
    (shop, *_) = ranked("orders in Paris by city", ALL)
    assert [(match.word, match.places[0]) for match in shop.matches] == [
        ("order", "table orders"),
        ("paris" if "paris" in asked_words("paris") else "pari", "value of customers.city"),
        ("cit", "column customers.city"),
    ]
    assert shop.score == 1.0


@given(st.text(max_size=80))
def test_scores_are_shares_in_falling_order(question):
    scores = [each.score for each in ranked(question, ALL)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_a_vast_schema_keeps_its_most_telling_terms():
    tables = {f"table_{n}": f"column_{n + 10_000} column_{n + 20_000}" for n in range(2_500)}
    terms = terms_of(schema(**tables))
    assert len(terms) == MAX_TERMS
    assert [term.weight for term in terms] == sorted((term.weight for term in terms), reverse=True)
