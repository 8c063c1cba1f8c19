"""What the guard says about a statement."""

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["postgres", "mysql", "sqlite", "duckdb"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer.

    `sql` is the statement rendered from its syntax tree, comments and optimizer hints left out: the only text that may
    be executed. It is empty when the statement is refused. `code` is a short, stable name of the reason ("ok" when
    allowed). `tables` are the stored relations it reads, as written (`orders`, `public.orders`), without the names it
    defines itself. `columns` are the columns it names: `table.column` where the qualifier is a stored relation or an
    alias of one, else the bare name.
    """

    allowed: bool
    reason: str
    code: str
    sql: str = ""
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class Refusal(Exception):  # noqa: N818 - a decision of the guard, not a failure of it
    """Raised inside the guard to refuse a statement; `check` turns it into a `Verdict`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
