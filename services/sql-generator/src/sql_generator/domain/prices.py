"""What models cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from sql_generator.generation.model import Tokens

_MILLION: Final = 1_000_000
_DIGITS: Final = 6

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens; tokens of the prompt cache cost as much as others where nothing else is said."""

    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is to be paid for anything."""
        return not any((self.input, self.output, self.cache_read, self.cache_write))

    def of(self, tokens: Tokens) -> float:
        """The cost in US dollars, to a millionth."""
        cached = tokens.cache_read * (self.input if self.cache_read is None else self.cache_read)
        cached += tokens.cache_write * (self.input if self.cache_write is None else self.cache_write)
        return round((tokens.input * self.input + tokens.output * self.output + cached) / _MILLION, _DIGITS)


# Anthropic's list price for Claude Sonnet 4.5, the cache written for five minutes:
# https://docs.claude.com/en/docs/about-claude/pricing
KNOWN_PRICES: Final[Mapping[str, Price]] = {
    "anthropic/claude-sonnet-4-5-20250929": Price(input=3.0, output=15.0, cache_read=0.30, cache_write=3.75),
    "offline": Price(input=0.0, output=0.0),
}
"""By the name of the model as answers give it; a setting adds to them and overrides them."""
