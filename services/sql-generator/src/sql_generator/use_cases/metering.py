"""What the models of one question read and wrote, and what that costs."""

from collections.abc import Mapping
from dataclasses import fields

from contracts.sql_generator import ModelUsage
from sql_generator.domain.prices import Price
from sql_generator.generation.model import Draft, GenerationContext, ModelAnswerInvalid, SqlModel, Tokens


class Meter:
    """The model for one question: counts what each draft costs, also of those that cannot be used."""

    def __init__(self, model: SqlModel, prices: Mapping[str, Price]) -> None:
        self.name = model.name
        self._model = model
        self._prices = prices
        self._calls: dict[str, list[Tokens]] = {}

    @property
    def usage(self) -> tuple[ModelUsage, ...]:
        """What was used so far, by model."""
        return tuple(usage_of(name, calls, self._prices.get(name)) for name, calls in self._calls.items())

    async def draft(self, context: GenerationContext) -> Draft:
        """As the model does."""
        try:
            draft = await self._model.draft(context)
        except ModelAnswerInvalid as error:
            self._count(error.model, error.tokens)
            raise
        self._count(draft.model, draft.tokens)
        return draft

    async def close(self) -> None:
        """The model is not this question's alone: whoever made it closes it."""

    def _count(self, model: str, tokens: Tokens) -> None:
        self._calls.setdefault(model or self.name, []).append(tokens)


def usage_of(model: str, calls: list[Tokens], price: Price | None) -> ModelUsage:
    """The sum of a model's calls."""
    total = Tokens(*(sum(getattr(tokens, field.name) for tokens in calls) for field in fields(Tokens)))
    return ModelUsage(
        model=model,
        calls=len(calls),
        input_tokens=total.input,
        output_tokens=total.output,
        cache_read_tokens=total.cache_read,
        cache_write_tokens=total.cache_write,
        cost_usd=price.of(total) if price is not None else None,
    )
