"""Usage: what a user's questions cost this month, and the budgets that bound it."""

from datetime import date
from typing import Literal

from pydantic import Field

from contracts.base import Message, UtcTime
from contracts.methods import Empty, Method
from contracts.sql_generator.service import SERVICE


class ModelUsage(Message):
    """What one model read and wrote."""

    model: str
    calls: int
    input_tokens: int = Field(description="Without those of the provider's prompt cache")
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float | None = Field(description="Null while the model's price is not known")


class Budget(Message):
    """US dollars for a month, of one user or of the whole tenant, and what is spent of them."""

    scope: Literal["user", "tenant"]
    limit_usd: float
    spent_usd: float


class UsageReport(Message):
    """A user's usage in a calendar month (UTC), by model, and the budgets that apply to the user."""

    month: date = Field(description="Its first day")
    resets_at: UtcTime
    models: tuple[ModelUsage, ...]
    cost_usd: float = Field(description="Of the models whose prices are known")
    budgets: tuple[Budget, ...]


USAGE = Method(SERVICE, "usage", Empty, UsageReport)
