"""What questions cost: counted for each user and tenant by month, and bounded by their budgets."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime

from prometheus_client import Counter

from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import ModelUsage, UsageReport
from persistence import Database
from persistence.erasures import Erasures
from sql_generator.domain.budgets import Limits, is_spent, month_of, resets_at, warning
from sql_generator.domain.prices import Price
from sql_generator.errors import limit_exceeded
from sql_generator.generation.chain import ModelChain
from sql_generator.generation.model import Draft, GenerationContext, ModelAnswerInvalid, Tokens
from sql_generator.repository import usage

COST = Counter("memori_llm_cost_usd_total", "US dollars that drafts cost, as far as prices are known", ("model",))
BUDGETS = Counter(
    "memori_llm_budgets_total", "Questions that a budget warned of, or kept from a model", ("scope", "outcome")
)


class Accounts:
    """Lends the model to questions and keeps the books.

    Raises:
        ValueError: there is a budget, and a model whose price is not known.
    """

    def __init__(
        self,
        database: Database,
        erasures: Erasures,
        model: ModelChain,
        prices: Mapping[str, Price],
        limits: Limits,
    ) -> None:
        unpriced = [name for name in model.names if name not in prices]
        if limits.are_set and unpriced:
            raise ValueError(f"MEMORI_LLM_PRICES has no price of {unpriced[0]}, and a budget needs it")
        self.model = model
        self._database = database
        self._erasures = erasures
        self._prices = prices
        self._limits = limits
        self._are_free = all(name in prices and prices[name].is_free for name in model.names)

    def meter(self, owner: Identity, began: datetime) -> "Meter":
        """The model for one question of a user, which `began` then."""
        return Meter(self, owner, began)

    async def usage(self, _: Empty, owner: Identity) -> UsageReport:
        """What the user spent this month, and what is left."""
        month = month_of(datetime.now(UTC))
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            models = await usage.of_user(transaction, owner, month)
            user_spent, tenant_spent = await usage.spent(transaction, owner, month)
        return UsageReport(
            month=month,
            resets_at=resets_at(month),
            models=models,
            cost_usd=user_spent,
            budgets=self._limits.budgets(user_spent=user_spent, tenant_spent=tenant_spent),
        )

    async def admit(self, owner: Identity) -> tuple[str, ...]:
        """What to warn the user of before a model is paid for.

        The cost of a draft is known afterwards only: questions that are under way when a budget runs out are answered.

        Raises:
            ProblemError: `limit-exceeded`, when a budget is spent.
        """
        if self._are_free or not self._limits.are_set:
            return ()
        now = datetime.now(UTC)
        month = month_of(now)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            user_spent, tenant_spent = await usage.spent(transaction, owner, month)
        warnings = []
        for budget in self._limits.budgets(user_spent=user_spent, tenant_spent=tenant_spent):
            if (said := warning(budget, month)) is None:
                continue
            if is_spent(budget):
                BUDGETS.labels(budget.scope, "refused").inc()
                raise limit_exceeded(said, round((resets_at(month) - now).total_seconds()) + 1)
            BUDGETS.labels(budget.scope, "warned").inc()
            warnings.append(said)
        return tuple(warnings)

    async def charge(self, owner: Identity, began: datetime, spent: ModelUsage) -> None:
        """Count what a draft cost; of a user who was erased meanwhile only for the tenant."""
        month, cost = month_of(datetime.now(UTC)), spent.cost_usd or 0.0
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if await self._erasures.hold(transaction, owner, began):
                await usage.add(transaction, owner, month, spent)
            if cost:
                await usage.add_to_tenant(transaction, owner, month, cost)
        COST.labels(spent.model).inc(cost)

    def priced(self, model: str, calls: list[Tokens]) -> ModelUsage:
        """The sum of a model's calls, with its cost."""
        total = Tokens(*(sum(getattr(tokens, field.name) for tokens in calls) for field in fields(Tokens)))
        price = self._prices.get(model)
        return ModelUsage(
            model=model,
            calls=len(calls),
            input_tokens=total.input,
            output_tokens=total.output,
            cache_read_tokens=total.cache_read,
            cache_write_tokens=total.cache_write,
            cost_usd=price.of(total) if price is not None else None,
        )


class Meter:
    """The model for one question: asks for leave before the first draft, and charges each, also those of no use."""

    def __init__(self, accounts: Accounts, owner: Identity, began: datetime) -> None:
        self.name = accounts.model.name
        self.warnings: tuple[str, ...] = ()
        self._accounts = accounts
        self._owner = owner
        self._began = began
        self._calls: dict[str, list[Tokens]] = {}

    @property
    def usage(self) -> tuple[ModelUsage, ...]:
        """What was used so far, by model."""
        return tuple(self._accounts.priced(model, calls) for model, calls in self._calls.items())

    async def draft(self, context: GenerationContext) -> Draft:
        """As the model does.

        Raises:
            ProblemError: `limit-exceeded`, when a budget was spent before the first draft.
        """
        if not self._calls:
            self.warnings = await self._accounts.admit(self._owner)
        try:
            draft = await self._accounts.model.draft(context)
        except ModelAnswerInvalid as error:
            await self._count(error.model, error.tokens)
            raise
        await self._count(draft.model, draft.tokens)
        return draft

    async def close(self) -> None:
        """The model is not this question's alone: whoever made it closes it."""

    async def _count(self, model: str, tokens: Tokens) -> None:
        self._calls.setdefault(model, []).append(tokens)
        await self._accounts.charge(self._owner, self._began, self._accounts.priced(model, [tokens]))
