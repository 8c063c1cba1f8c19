"""The laws of facts."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.identity import Identity
from entity_extractor.domain.facts import Mention, Statement, holds, rule_type, summed_up

ADA = Identity("acme", "ada")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def prefers(what, predicate="prefers"):
    return Statement("preference", "user", predicate, what)


def mention(statement, minutes=0, source=1, source_type="message"):
    return Mention(statement, source_type, UUID(int=source), None, NOON + timedelta(minutes=minutes))


def test_the_same_thing_said_in_another_case_is_the_same_fact():
    assert prefers("Bar  charts").fact_id(ADA) == prefers("bar charts").fact_id(ADA)
    assert prefers("bar charts").fact_id(ADA) != prefers("bar charts").fact_id(Identity("acme", "eve"))
    assert prefers("bar charts").fact_id(ADA) != prefers("bar charts", "dislikes").fact_id(ADA)


def test_statements_contradict_each_other_that_cannot_both_hold():
    def contradict(one, other):
        return one.slot_id(ADA) is not None and one.slot_id(ADA) == other.slot_id(ADA)

    lives = [Statement("attribute", "user", "lives in", city) for city in ("Berlin", "Rome")]
    assert contradict(*lives)
    assert contradict(prefers("amounts in euros"), prefers("amounts in USD"))
    assert contradict(prefers("bar charts"), prefers("line charts"))
    assert contradict(prefers("tea", "likes"), prefers("tea", "dislikes"))
    assert contradict(Statement("skill", "user", "is new to", "SQL"), Statement("skill", "user", "knows", "sql"))
    assert contradict(*(Statement("definition", "churn", "means", what) for what in ("a", "b")))
    assert not contradict(prefers("bar charts"), prefers("short answers"))
    assert not contradict(prefers("the bar on the left"), prefers("line charts"))
    assert not contradict(*(Statement("skill", "user", "speaks", what) for what in ("German", "French")))
    assert not contradict(*(Statement("rule", "user", "wants", what) for what in ("always a", "always b")))
    assert not contradict(*(Statement("definition", term, "means", "x") for term in ("churn", "revenue")))


@given(
    st.lists(
        st.tuples(st.sampled_from(["Bar charts", "bar charts", "BAR charts"]), st.integers(0, 3), st.integers(1, 9)),
        min_size=1,
        max_size=6,
        unique_by=lambda each: each[2],
    ).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said)))
)
def test_the_order_of_its_mentions_does_not_change_a_fact(orders):
    one, other = ([mention(prefers(what), minutes, source) for what, minutes, source in said] for said in orders)
    assert summed_up(ADA, one) == summed_up(ADA, other)


def test_the_latest_mention_words_a_fact_and_the_surest_makes_it_sure():
    sure, unsure = Statement("note", "user", "said", "X", 0.9), Statement("note", "user", "said", "x", 0.7)
    fact = summed_up(ADA, [mention(unsure, 5, 1, "memory"), mention(sure, 0, 2)])
    assert (fact.statement.object, fact.statement.confidence, fact.mention_count) == ("x", 0.9, 2)
    assert (fact.source_type, fact.said_at, fact.from_message) == ("memory", NOON + timedelta(minutes=5), True)


def test_of_contradicting_facts_the_one_said_last_holds():
    facts = [summed_up(ADA, [mention(prefers(what), minutes)]) for what, minutes in (("a", 1), ("b", 2), ("c", 0))]
    assert holds(facts).statement.object == "b"
    assert holds([]) is None


def test_a_rule_that_leaves_rows_out_is_a_constraint():
    assert rule_type("Always exclude test accounts") == "constraint"
    assert rule_type("Only count completed orders") == "constraint"
    assert rule_type("Always use aliases") == "preference"


def test_a_fact_in_words_reads_as_a_memory():
    assert Statement("attribute", "user", "lives in", "Berlin").in_words() == "Lives in Berlin"
    assert Statement("definition", "ARR", "means", "recurring revenue").in_words() == "ARR means recurring revenue"
    assert Statement("rule", "user", "wants", "always use aliases").in_words() == "Always use aliases"
