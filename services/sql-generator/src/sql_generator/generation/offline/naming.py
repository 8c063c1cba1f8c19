"""The phrases by which people may call a table or a column, and how well each fits its name."""

from collections.abc import Collection, Iterable, Iterator

from sql_generator.generation.offline.lexicon import (
    DATE_TAILS,
    GENERIC_TAILS,
    PHRASE_SYNONYMS,
    SYNONYMS,
    TABLE_PREFIXES,
)

Words = tuple[str, ...]

PREPOSITIONS = frozenset({"of", "in", "for", "the", "'s", "to", "by", "per", "at", "on"})
_UNHEARD = frozenset({"of", "the", "'s"})
_ENDINGS_WITHOUT_BREAK = ("id", "name", "no", "code", "type", "number", "date")
_SHORTEST_ABBREVIATION, _LONGEST_ABBREVIATION = 3, 4
_FULL, _WITHOUT_TABLE, _WITHOUT_TABLE_WORDS = 1.0, 0.95, 0.9
_HEAD, _GENERIC_HEAD = 0.75, 0.6


def without_prepositions(words: Iterable[str]) -> Words:
    """The words without prepositions: how a name is called by someone who leaves them out."""
    return tuple(word for word in words if word not in PREPOSITIONS)


def heard(words: Iterable[str]) -> Words:
    """The words of a question's phrase by which it is looked up: "date of the birth" as "date birth"."""
    return tuple(word for word in words if word not in _UNHEARD)


def rephrased(words: Words) -> Iterator[tuple[Words, float]]:
    """Phrases that mean about the same, each with a factor for the fit."""
    yield from ((other, 0.9) for other in PHRASE_SYNONYMS.get(words, ()))
    for count in (2, 1) if len(words) > 1 else ():
        yield from (((*words[:-count], *other), 0.88) for other in PHRASE_SYNONYMS.get(words[-count:], ()))
    for position, word in enumerate(words):
        for synonym in SYNONYMS.get(word, ()):
            yield (*words[:position], synonym, *words[position + 1 :]), 0.85


def table_phrases(words: Words, keys: Collection[Words] = ()) -> dict[Words, float]:
    """Phrases that may name a table, each with its fit: without a technical prefix ("ref"), or only its last words; the
    first ones where the key says that they name the rows (`county_id` of `county_public_safety`).
    """
    phrases = {words: _FULL}
    core = words
    while len(core) > 1 and core[0] in TABLE_PREFIXES:
        core = core[1:]
        phrases[core] = 0.95
    while len(core) > 1 and core[-1] in PREPOSITIONS:
        core = core[:-1]
        phrases[core] = 0.95
    for start in range(1, len(core)):
        phrases.setdefault(core[start:], 0.8)
        if (*core[:start], "id") in keys:
            phrases.setdefault(core[:start], 0.7)
    return phrases


def column_phrases(table: Words, column: Words) -> dict[Words, float]:
    """Phrases that may name a column of the table, each with its fit; the more they leave out, the less they fit."""
    phrases = {column: _FULL}

    def offer(words: Words, score: float) -> None:
        if words and words[-1] not in PREPOSITIONS and phrases.get(words, 0.0) < score:
            phrases[words] = score

    bare = column
    while len(bare) > 1 and bare[0] in table:
        bare = bare[1:]
        offer(bare, _WITHOUT_TABLE)
    offer(tuple(word for word in column if word not in table), _WITHOUT_TABLE_WORDS)
    for words, score in _heads(bare):
        offer(words, score)
    for words, score in tuple(phrases.items()):
        for shorter, factor in _shortened(words):
            offer(shorter, score * factor)
        if len(words) > 1 and words[-1] in DATE_TAILS:
            offer(("date",), 0.7)
    return phrases


def column_words(column: Words, table: Words, known: Collection[str]) -> Words:
    """The words of a column's name with what runs together or is cut short written out: `stuid` as student, id."""
    if len(column) > 2:
        return column
    return tuple(part for word in column for part in _broken(word, table, known))


def _heads(bare: Words) -> Iterator[tuple[Words, float]]:
    """The last words of a name; of `date_of_birth` it is "birth date"."""
    if len(bare) > 1 and bare[0] == "date":
        event = without_prepositions(bare[1:])
        for start in range(len(event)):
            yield (*event[start:], "date"), _WITHOUT_TABLE if start == 0 else 0.8
        return
    for start in range(1, len(bare)):
        head = bare[start:]
        if len(head) == 1 and head[0].endswith(("ed", "ing")):
            continue
        yield head, _GENERIC_HEAD if len(head) == 1 and head[0] in GENERIC_TAILS else _HEAD


def _shortened(words: Words) -> Iterator[tuple[Words, float]]:
    """`status_code` as "status", `ordered_at` as "ordered date", `gross_in_dollar` as "gross"; and both ends."""
    if len(words) > 1 and words[-1] in GENERIC_TAILS:
        yield words[:-1], 0.8
    if len(words) > 1 and words[-1] in DATE_TAILS:
        yield (*words[:-1], "date"), 0.9
    for position, word in enumerate(words):
        if word in PREPOSITIONS and position:
            yield words[:position], 0.75
    if len(words) > 2:
        yield (words[0], words[-1]), 0.7


def _broken(word: str, table: Words, known: Collection[str]) -> Words:
    for ending in _ENDINGS_WITHOUT_BREAK:
        start = word.removesuffix(ending)
        full = _written_out(start, table, known) if start and start != word else None
        if full is not None:
            return (full, ending)
    if _SHORTEST_ABBREVIATION <= len(word) <= _LONGEST_ABBREVIATION:
        return (_written_out(word, table, known) or word,)
    return (word,)


def _written_out(start: str, table: Words, known: Collection[str]) -> str | None:
    """The word of the table, or else the only one of the schema, that starts so."""
    own = [word for word in table if word.startswith(start)]
    if own:
        return own[-1]
    others = [word for word in known if word.startswith(start)] if len(start) >= _SHORTEST_ABBREVIATION else []
    return others[0] if len(others) == 1 else None
