"""How much of a month's budget is spent, and what that means for the next question."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from contracts.sql_generator import Budget

WARNS_FROM: Final = 0.8
_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """US dollars a calendar month, in UTC; None is without limit."""

    user_usd: float | None = None
    tenant_usd: float | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return self.user_usd is not None or self.tenant_usd is not None

    def budgets(self, *, user_spent: float, tenant_spent: float) -> tuple[Budget, ...]:
        """The budgets there are, with what is spent of them."""
        spent = (("user", self.user_usd, user_spent), ("tenant", self.tenant_usd, tenant_spent))
        return tuple(
            Budget(scope=scope, limit_usd=limit, spent_usd=amount)
            for scope, limit, amount in spent
            if limit is not None
        )


def month_of(now: datetime) -> date:
    """The first day of the month, in UTC."""
    return now.astimezone(UTC).date().replace(day=1)


def resets_at(month: date) -> datetime:
    """When the month ends, and its budgets with it."""
    years, index = divmod(month.month, _DECEMBER)
    return datetime(month.year + years, index + 1, 1, tzinfo=UTC)


def is_spent(budget: Budget) -> bool:
    """Whether nothing is left."""
    return budget.spent_usd >= budget.limit_usd


def warning(budget: Budget, month: date) -> str | None:
    """What to say of a budget from four fifths on; None before that."""
    if budget.spent_usd < WARNS_FROM * budget.limit_usd:
        return None
    return (
        f"{budget.spent_usd:.2f} of {budget.limit_usd:.2f} USD of this month's budget of the {budget.scope} are spent; "
        f"it is filled again at {resets_at(month).isoformat()}"
    )
