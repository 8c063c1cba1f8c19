"""What a rule in plain words does, where that can be read for sure; all other words are for the model.

A rule is read only as a whole: one sentence of a known form, whose every name is a table, a column or a sample value of
the schema. So a rule never does something that its words do not say.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from contracts.sql_generator import (
    AliasTables,
    Column,
    DatabaseSchema,
    Effect,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Table,
)
from sql_generator.generation.words import words
from sql_generator.rules.names import find_column, find_table

_MAX_CHARS: Final = 200
_NUMBERS: Final = {"zero": 0, "no": 0, "one": 1, "two": 2, "three": 3, "four": 4}
_OPENING: Final = re.compile(
    r"^(?:(?:please|always(?!\s+limit)|by default|(?:the )?user|i|we|they|he|she|prefers? (?:that|to)"
    r"|wants? to|likes? to|must|should|has to|have to)\b[\s,:]*)+",
    re.IGNORECASE,
)
_BY_DEFAULT: Final = re.compile(
    r",?\s+(?:by default|unless (?:\w+ )*(?:asked|specified|stated|said) otherwise)$", re.IGNORECASE
)
_ALIASES: Final = re.compile(
    r"(?:prefers?|wants?|likes?|uses?|using|adds?|gives?)?\s*(?:(?:short|table|clear)\s+)*alias(?:es)?"
    r"\s+(?:for|on|to|with)\s+(?:all|every|each|the)\s+(?:tables?)"
    r"|alias\s+(?:all|every|each)\s+(?:tables?)",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(
    r"(?P<always>always\s+)?(?:(?:add|apply|use)\s+a\s+|the\s+)?(?:default\s+)?limit(?:ed)?"
    r"(?:\s+(?:the\s+|all\s+)?(?:results?|answers?|rows|output|queries))?(?:\s+(?:to|of|is))?\s+(?P<rows>\d{1,6})"
    r"(?:\s+(?:rows?|results?|records?|lines?))?",
    re.IGNORECASE,
)
_MAXIMUM: Final = re.compile(
    r"(?:(?:never|do not|don['’]t)\s+(?:return|show|give)\s+more\s+than"
    r"|(?:(?:return|show|give)\s+)?(?:at\s+most|no\s+more\s+than|a\s+maximum\s+of))\s+(?P<rows>\d{1,6})\s+(?:rows?|results?|records?|lines?)",
    re.IGNORECASE,
)
_ROUND: Final = re.compile(
    r"round\s+(?:(?:all|every|the|money|monetary|decimal)\s+)*(?:amounts?|numbers?|values?|results?|figures?|averages?"
    r"|prices?|everything)?\s*to\s+(?P<count>\d|zero|no|one|two|three|four)\s+(?:decimals?|digits|places)"
    r"(?:\s+places)?|round\s+(?:\w+\s+)?to (?P<cents>cents)",
    re.IGNORECASE,
)
_MASK: Final = re.compile(
    r"(?P<how>partially\s+|fully\s+)?(?P<verb>mask|redact|anonymi[sz]e|hash|pseudonymi[sz]e|obfuscate)\s+(?P<what>.+)"
    r"|(?:only\s+show|show\s+only)\s+the\s+last\s+(?:four|4)\s+(?:digits|characters)\s+of\s+(?P<ending>.+)",
    re.IGNORECASE,
)
_FORBID: Final = re.compile(
    r"(?:never|do not|don['’]t|must not|may not)\s+(?:ever\s+)?(?:show|reveal|expose|display|return|select|query|use"
    r"|read|include|access|output|disclose)\s+(?P<what>.+)"
    r"|hide\s+(?P<hidden>.+)",
    re.IGNORECASE,
)
_EXCLUDE: Final = re.compile(
    r"(?:exclude|ignore|omit|skip|leave out|filter out|(?:never|do not|don['’]t) (?:count|include|consider|show|use"
    r"|report))\s+(?P<what>.+)",
    re.IGNORECASE,
)
_ONLY: Final = re.compile(
    r"(?:only\s+(?:count|include|consider|use|show|report)|(?:count|include|consider|use|show|report)\s+only)\s+"
    r"(?P<what>.+)|only\s+(?P<those>.+?)\s+count",
    re.IGNORECASE,
)
_REQUIRE: Final = re.compile(
    r"(?:queries|questions|statements|everything)\s+(?:on|about|over|of|that read)\s+(?P<table>[\w.\s]+?)\s+must\s+"
    r"(?:filter|be filtered|be restricted|restrict)\s+(?:by|on)\s+(?P<column>[\w.\s]+)",
    re.IGNORECASE,
)
_ARTICLES: Final = re.compile(r"^(?:(?:all|any|every|each|the|a|an|our|customers?['’]s?|their)\s+)+", re.IGNORECASE)
_WITH_VALUE: Final = re.compile(
    r"(?P<table>[\w\s.]+?)\s+(?:whose|with|where|having)\s+(?:an?\s+|the\s+)?(?P<column>[\w.]+(?:\s\w+)?)\s*"
    r"(?:\s+(?:is|equals|of)\s+|\s*=\s*|\s+)(?P<quote>['\"])(?P<value>[^'\"]+)(?P=quote)",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"\s*(?:,|\band\b|\bor\b|/)\s*", re.IGNORECASE)
# What people add to the name of a column, and what columns are called beside the name of what they hold.
_NOUNS: Final = frozenset(words("address number column field value digit detail data info"))
_AUXILIARY: Final = frozenset({"is", "was", "has", "flag", "at", "on", "date"})


def read(content: str, schema: DatabaseSchema) -> tuple[Effect, ...]:
    """What the rule does to statements of this schema; nothing where its words leave a doubt."""
    sentence = content.strip().rstrip(".!").strip()
    if not sentence or len(sentence) > _MAX_CHARS or re.search(r"[.!?;]\s|\n", sentence):
        return ()
    plain = _OPENING.sub("", sentence)
    bare = _BY_DEFAULT.sub("", plain)
    for form in _FORMS:
        if effects := tuple(form(bare, schema)):
            return effects
    return ()


def _aliases(text: str, _: DatabaseSchema) -> Iterator[Effect]:
    if _ALIASES.fullmatch(text):
        yield AliasTables()


def _limit(text: str, _: DatabaseSchema) -> Iterator[Effect]:
    if (match := _LIMIT.fullmatch(text)) and int(match["rows"]):
        yield LimitRows(rows=int(match["rows"]), mode="maximum" if match["always"] else "default")
    elif (match := _MAXIMUM.fullmatch(text)) and int(match["rows"]):
        yield LimitRows(rows=int(match["rows"]), mode="maximum")


def _round(text: str, _: DatabaseSchema) -> Iterator[Effect]:
    if match := _ROUND.fullmatch(text):
        count = "2" if match["cents"] else match["count"].lower()
        yield RoundNumbers(decimals=_NUMBERS[count] if count in _NUMBERS else int(count))


def _mask(text: str, schema: DatabaseSchema) -> Iterator[Effect]:
    match = _MASK.fullmatch(text)
    if match is None:
        return
    verb = (match["verb"] or "").lower()
    partial = match["ending"] is not None or (match["how"] or "").strip().lower() == "partially"
    how = "partial" if partial else "hash" if verb.startswith(("hash", "pseudonymi")) else "full"
    for table, column in _columns(match["ending"] or match["what"], schema):
        yield MaskColumn.model_validate({"table": table.name, "column": column.name, "how": how})


def _forbid(text: str, schema: DatabaseSchema) -> Iterator[Effect]:
    match = _FORBID.fullmatch(text)
    if match is None:
        return
    what = match["what"] or match["hidden"]
    table = _table(what, schema)
    if table is not None:
        yield ForbidReading(table=table.name)
        return
    for table, column in _columns(what, schema):
        yield ForbidReading(table=table.name, column=column.name)


def _require(text: str, schema: DatabaseSchema) -> Iterator[Effect]:
    match = _REQUIRE.fullmatch(text)
    table = _table(match["table"], schema) if match else None
    if match is None or table is None:
        return
    found = [column for column in table.columns if words(column.name) == words(match["column"].rpartition(".")[2])]
    if len(found) == 1:
        yield RequireCondition(table=table.name, column=found[0].name)


def _exclude(text: str, schema: DatabaseSchema) -> Iterator[Effect]:
    if match := _EXCLUDE.fullmatch(text):
        yield from _rows(match["what"], schema, excluded=True)


def _only(text: str, schema: DatabaseSchema) -> Iterator[Effect]:
    if match := _ONLY.fullmatch(text):
        yield from _rows(match["what"] or match["those"], schema, excluded=False)


def _rows(what: str, schema: DatabaseSchema, *, excluded: bool) -> Iterator[Effect]:
    """The rows in "cancelled and refunded orders", "orders with status 'paid'", "deleted customers"."""
    text = _ARTICLES.sub("", what.strip())
    if match := _WITH_VALUE.fullmatch(text):
        table = _table(match["table"], schema)
        column = None if table is None else find_column(table, match["column"].strip())
        if table is not None and column is not None:
            yield _filter(table, column, (match["value"],), excluded=excluded)
        return
    parts = text.split()
    for count in (3, 2, 1):
        table = _table(" ".join(parts[-count:]), schema) if len(parts) > count else None
        if table is not None:
            yield from _described(table, " ".join(parts[:-count]), excluded=excluded)
            return


def _described(table: Table, described: str, *, excluded: bool) -> Iterator[Effect]:
    named = [part for part in _JOINED.split(described) if part]
    found = [_holding(table, part) for part in named]
    if found and all(len(each) == 1 for each in found) and len({column.name for ((column, _),) in found}) == 1:
        yield _filter(table, found[0][0][0], tuple(value for ((_, value),) in found), excluded=excluded)
    elif len(named) == 1 and (flag := _flag(table, named[0])) is not None:
        yield _flagged(table, flag, excluded=excluded)


def _holding(table: Table, value: str) -> list[tuple[Column, str]]:
    """The columns of a table that hold the value, as their samples spell it."""
    wanted = value.strip("'\" ").casefold()
    return [(column, sample) for column in table.columns for sample in column.samples if sample.casefold() == wanted]


def _filter(table: Table, column: Column, values: tuple[str, ...], *, excluded: bool) -> FilterRows:
    one, several = ("<>", "not in") if excluded else ("=", "in")
    return FilterRows.model_validate(
        {"table": table.name, "column": column.name, "operator": one if len(values) == 1 else several, "values": values}
    )


def _flag(table: Table, word: str) -> Column | None:
    """The column that says whether a row is what the word says: `is_deleted`, `deleted`, `deleted_at`."""
    found = [column for column in table.columns if _said_by(column, word)]
    return found[0] if len(found) == 1 else None


def _said_by(column: Column, word: str) -> bool:
    kind = column.type.lower()
    parts = [part for part in re.split(r"[_\s]+", column.name.lower()) if part not in _AUXILIARY]
    return parts == [word.lower()] and ("bool" in kind or _is_time(column))


def _is_time(column: Column) -> bool:
    return any(part in column.type.lower() for part in ("date", "time"))


def _flagged(table: Table, flag: Column, *, excluded: bool) -> FilterRows:
    if _is_time(flag):
        return FilterRows(table=table.name, column=flag.name, operator="is null" if excluded else "is not null")
    # Of a flag that is not set, nobody said that it is.
    operator = "<>" if excluded else "="
    return FilterRows.model_validate(
        {"table": table.name, "column": flag.name, "operator": operator, "values": (True,)}
    )


def _columns(what: str, schema: DatabaseSchema) -> list[tuple[Table, Column]]:
    """The columns meant: `customers.email`, or every column that holds e-mail addresses by its name.

    Several of one list must each be found.
    """
    found: list[tuple[Table, Column]] = []
    for part in _JOINED.split(what):
        columns = _columns_called(_ARTICLES.sub("", part.strip()), schema)
        if not columns:
            return []
        found += columns
    return found


def _columns_called(name: str, schema: DatabaseSchema) -> list[tuple[Table, Column]]:
    head, _, of = name.partition(" of ")
    if of:
        table = _table(of, schema)
        return [] if table is None else [(table, column) for column in table.columns if _is_called(column, head)]
    qualifier, _, last = name.rpartition(".")
    if qualifier:
        table = find_table(schema, qualifier)
        column = None if table is None else find_column(table, last)
        return [] if table is None or column is None else [(table, column)]
    first, _, rest = name.partition(" ")
    if rest and (table := _table(first.removesuffix("'s"), schema)) is not None:
        return [(table, column) for column in table.columns if _is_called(column, rest)]
    return [(table, column) for table in schema.tables for column in table.columns if _is_called(column, name)]


def _is_called(column: Column, name: str) -> bool:
    """Whether a column's name ends with what is meant, as `phone`, `mobile_phone` and `phone_number` with "phone"."""
    wanted = _core(name.replace("e-mail", "email").replace("E-mail", "email"))
    held = _core(column.name)
    return bool(wanted) and held[-len(wanted) :] == wanted


@lru_cache(maxsize=65_536)
def _core(name: str) -> tuple[str, ...]:
    """The stems of a name in their order, without the nouns and numbers at its end."""
    stems = [stem for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+", name) for stem in words(part)]
    while len(stems) > 1 and stems[-1] in _NOUNS:
        stems.pop()
    return tuple(stems)


def _table(name: str, schema: DatabaseSchema) -> Table | None:
    """The one table of that name, in singular or plural."""
    wanted = words(_ARTICLES.sub("", name.strip()))
    found = [table for table in schema.tables if _table_words(table.name) == wanted]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=65_536)
def _table_words(name: str) -> frozenset[str]:
    return frozenset(words(name.rpartition(".")[2]))


_FORMS: Final[tuple[Callable[[str, DatabaseSchema], Iterator[Effect]], ...]] = (
    _aliases,
    _limit,
    _round,
    _mask,
    _only,
    _exclude,
    _forbid,
    _require,
)
