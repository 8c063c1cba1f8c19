import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import NewRule
from sql_generator.domain.rules import rule_name_of, rule_type_of


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("The user prefers aliases for all tables", "preference"),
        ("I like dates as month names", "preference"),
        ("Always exclude cancelled orders", "constraint"),
        ("Revenue must only count paid orders", "constraint"),
        ("Never show salaries", "constraint"),
        ("Mask e-mail addresses", "transformation"),
        ("Round amounts to two decimals", "transformation"),
    ],
)
def test_a_rules_type_is_read_from_its_words(content, kind):
    assert rule_type_of(content) == kind


@given(st.text(min_size=1, max_size=10_000).filter(lambda text: "\x00" not in text))
def test_every_memory_gives_a_rule_a_name_it_can_have(content):
    name = rule_name_of(content)
    assert NewRule(
        rule_id="00000000-0000-0000-0000-000000000001", rule_name=name, rule_type="preference", rule_content=content
    )
    assert "\n" not in name


def test_a_long_rule_is_named_by_its_first_words():
    name = rule_name_of("word " * 100)
    assert len(name) <= 80
    assert name.endswith("word…")
