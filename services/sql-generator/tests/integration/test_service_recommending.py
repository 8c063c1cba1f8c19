"""The data source that a question is about, when it names none."""

import sqlite3
from contextlib import closing
from uuid import uuid4

import pytest

from contracts.sql_generator import (
    DELETE_DATA_SOURCE,
    GENERATE,
    RECALL,
    RECOMMEND,
    SYNC_DATA_SOURCE,
    DataSourceRef,
    Generate,
    RecallContext,
    RecommendSources,
)

CLINIC = (
    "CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT, city TEXT); INSERT INTO patients VALUES (1, 'P', 'Oslo')"
)


@pytest.fixture
def clinic(tmp_path):
    path = tmp_path / "clinic.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(CLINIC)
    return path


async def test_the_sources_that_know_a_question_are_recommended_with_reasons(
    service, ada, eve, shop, clinic, model, rows
):
    async with service(model=model) as call:
        one = await call.source(ada, shop, name="shop")
        two = await call.source(ada, clinic, name="clinic")
        await call.source(eve, shop, name="hers")
        found = await call(RECOMMEND, RecommendSources(question="How many orders are paid?"), ada)
        assert found.is_clear
        (best,) = found.recommended
        assert (best.data_source_id, best.name, best.score) == (one.data_source_id, "shop", 1.0)
        assert {place for match in best.matches for place in match.places} >= {"table orders", "value of orders.status"}
        both = await call(RECOMMEND, RecommendSources(question="Names by city"), ada)
        assert {each.data_source_id for each in both.recommended} == {one.data_source_id, two.data_source_id}
        assert not both.is_clear
        # Terms of another version are made anew; those of a schema that changed are its new ones; none outlive it.
        await rows("update sql_generator.memori_data_sources set terms_version = 0 returning 1")
        await rows("delete from sql_generator.memori_source_terms returning 1")
        assert (await call(RECOMMEND, RecommendSources(question="orders"), ada)).is_clear
        with closing(sqlite3.connect(shop)) as connection:
            connection.execute("DROP TABLE orders")
        await call(SYNC_DATA_SOURCE, DataSourceRef(data_source_id=one.data_source_id), ada)
        assert (await call(RECOMMEND, RecommendSources(question="orders"), ada)).recommended == ()
        await call(DELETE_DATA_SOURCE, DataSourceRef(data_source_id=two.data_source_id), ada)
        assert (await call(RECOMMEND, RecommendSources(question="patients"), ada)).recommended == ()
    assert (
        await rows("select 1 from sql_generator.memori_source_terms where user_id = 'ada' and term like 'patient%'")
        == []
    )


async def test_a_question_that_names_no_source_is_asked_of_the_one_that_is_meant(
    service, ada, shop, clinic, model, says, others, rows
):
    await others.start()
    talk = uuid4()
    async with service(model=model) as call:
        one = await call.source(ada, shop, name="shop")
        two = await call.source(ada, clinic, name="clinic")
        model.enqueue(
            says("SELECT COUNT(*) FROM patients"), says("SELECT city FROM patients"), says("SELECT name FROM customers")
        )
        meant = await call.ask(ada, "How many patients are there?", conversation_id=talk, execute=True)
        assert (meant.data_source_id, meant.result.rows) == (two.data_source_id, ((1,),))
        assert [each.name for each in meant.recommended_sources] == ["clinic"]
        # A follow-up is asked of the source that the conversation is about.
        follow = await call.ask(ada, "and by city?", conversation_id=talk)
        assert (follow.data_source_id, follow.recommended_sources) == (two.data_source_id, ())
        # What may be meant for both is not guessed, and costs nothing.
        query_id = uuid4()
        unsure = await call.ask(ada, "Which names are there by city?", query_id=query_id)
        assert (unsure.status, unsure.data_source_id, unsure.sql, unsure.usage) == ("abstained", None, None, ())
        assert "clinic" in unsure.clarifying_question
        assert "shop" in unsure.clarifying_question
        assert {each.data_source_id for each in unsure.recommended_sources} == {one.data_source_id, two.data_source_id}
        nothing = await call.ask(ada, "How many unicorns are there?")
        assert (nothing.status, nothing.recommended_sources) == ("abstained", ())
        assert len(model.requests) == 2
        refused = await call.problem(RECALL, RecallContext(question="Which names are there by city?"), ada)
        assert (refused.type, refused.errors[0].field) == ("invalid", "data_source_id")
        # Under the same id the source may be named now.
        named = Generate(query_id=query_id, question=unsure.question, data_source_id=one.data_source_id)
        assert (await call(GENERATE, named, ada)).sql == "SELECT name FROM customers"
    assert len(await rows("select 1 from sql_generator.memori_query_patterns")) == 3
