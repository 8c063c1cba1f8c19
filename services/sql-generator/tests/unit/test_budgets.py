"""Months, and what is left of their budgets."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.domain.budgets import Limits, is_spent, month_of, resets_at, warning


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year < 9999))
def test_every_moment_lies_in_its_month_and_before_its_end(now):
    month = month_of(now)
    assert month.day == 1
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    assert start <= now < resets_at(month)
    assert month_of(resets_at(month)) == resets_at(month).date()
    assert month_of(resets_at(month) - timedelta(seconds=1)) == month


def test_months_are_those_of_utc():
    assert month_of(datetime(2026, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))) == date(2027, 1, 1)
    assert resets_at(date(2026, 12, 1)) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("spent", "warns", "refuses"), [(7.99, False, False), (8.0, True, False), (10.0, True, True)])
def test_a_budget_warns_from_four_fifths_on_and_is_spent_when_it_is(spent, warns, refuses):
    (budget,) = Limits(user_usd=10).budgets(user_spent=spent, tenant_spent=99)
    said = warning(budget, date(2026, 5, 1))
    assert (said is not None, is_spent(budget)) == (warns, refuses)
    if said:
        assert said.startswith(f"{spent:.2f} of 10.00 USD of this month's budget of the user")
        assert "2026-06-01T00:00:00+00:00" in said


def test_without_limits_there_is_no_budget():
    assert not Limits().are_set
    assert Limits(tenant_usd=1).budgets(user_spent=0, tenant_spent=1)[0].scope == "tenant"
