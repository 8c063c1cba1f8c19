"""Which columns are sampled, and which of their values are kept. Standard library only, as its package says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DISTINCT: Final = 20
MAX_LENGTH: Final = 60
ROWS_SCANNED: Final = 5_000

_CREDENTIAL: Final = re.compile(
    r"passw|passphrase|secret|token|api_?key|private_?key|hash|salt|\bpin\b|ssn|iban|card_?number|cvv", re.IGNORECASE
)


def may_be_sampled(column: str) -> bool:
    """False for columns whose name says that their values are nobody's business."""
    return _CREDENTIAL.search(column) is None


def kept_samples(values: Iterable[str | None]) -> tuple[str, ...]:
    """The distinct values in order, cut to 60 characters; none if there are more than 20 of them."""
    distinct = sorted({value for value in values if value})
    if len(distinct) > MAX_DISTINCT:
        return ()
    return tuple(_cut(value.replace("\x00", "\ufffd")) for value in distinct)


def _cut(value: str) -> str:
    return value if len(value) <= MAX_LENGTH else value[: MAX_LENGTH - 1] + "…"
