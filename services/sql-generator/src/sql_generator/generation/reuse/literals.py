"""The literals of a question, and their replacement in the SQL that answered the same question with other ones."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.lexicon import ARTICLES
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.naming import Words

_PLACEHOLDER = "\x00"
_SHORTEST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Slot:
    """A number, quoted text, a date, a proper name, or a value that columns are known to hold."""

    text: str
    is_number: bool
    values: tuple[Candidate, ...] = ()

    @property
    def key(self) -> str:
        """What makes two slots the same literal."""
        return self.text.lower()

    def found_in(self, literal: exp.Literal) -> bool:
        """Whether a literal of some SQL is this one, perhaps inside a LIKE pattern."""
        text = literal.name.lower()
        if self.is_number:
            return _same_number(text, self.text)
        spelled = {self.key, *((value.value or "").lower() for value in self.values)}
        return text in spelled or (literal.is_string and text.strip("%") in spelled)


def slot_of(item: Item) -> Slot | None:
    """The literal that an item is, if any."""
    if item.number is not None:
        return Slot(item.number, is_number=True)
    if item.literal is not None:
        return Slot(item.literal, is_number=False, values=item.values)
    if item.values and not (item.tables or item.columns or item.operators):
        return Slot(item.text, is_number=False, values=item.values)
    return None


def template(items: Sequence[Item]) -> tuple[Words, tuple[Slot, ...]]:
    """The words of a question in the singular with a placeholder for each literal, and the literals."""
    words: list[str] = []
    slots: list[Slot] = []
    for item in items:
        slot = slot_of(item)
        if slot is None:
            spoken = (token for token in item.tokens if not token.punctuates and token.lower not in ARTICLES)
            words += [token.lemma for token in spoken]
        else:
            words.append(_PLACEHOLDER + item.unit)
            slots.append(slot)
    return tuple(words), tuple(slots)


def replaced(
    tree: exp.Query, old: Sequence[Slot], new: Sequence[Slot], *, known_only: bool = False
) -> exp.Query | None:
    """The query with each old literal replaced by the new one in its place.

    None unless every old literal is found in it, a number just as often as the question has it: otherwise it is not
    known which part of the query it became. None too where the new literal would mean something else in its place (a
    row count that is no whole number, a wildcard), or a name in the query tells of the old one; with `known_only` also
    where the old literal is a value that a column is known to hold, and the new one is not.
    """
    changes = _changes(old, new)
    if changes is None:
        return None
    tree = tree.copy()
    times = Counter(slot.key for slot in old)
    literals = list(tree.find_all(exp.Literal))
    places = {key: [literal for literal in literals if slot.found_in(literal)] for key, (slot, _) in changes.items()}
    for key, (slot, replacement) in changes.items():
        if not places[key] or (slot.is_number and len(places[key]) != times[key]):
            return None
        if known_only and slot.values and not replacement.values:
            return None
        if slot.key != replacement.key and _told_by_a_name(tree, slot):
            return None
        for literal in places[key]:
            if not _fits(literal, replacement):
                return None
            literal.set("this", _rewritten(literal, slot, replacement))
    return tree


def _changes(old: Sequence[Slot], new: Sequence[Slot]) -> dict[str, tuple[Slot, Slot]] | None:
    """Old and new literal by the old one's key; None where they are of different kinds or contradict each other."""
    if len(old) != len(new):
        return None
    changes: dict[str, tuple[Slot, Slot]] = {}
    for before, after in zip(old, new, strict=True):
        if before.is_number != after.is_number or not _of_one_column(before, after):
            return None
        known = changes.setdefault(before.key, (before, after))
        if known[1].key != after.key:
            return None
    return changes


def _fits(literal: exp.Literal, replacement: Slot) -> bool:
    """Whether the new literal is read in the old one's place as the old one was."""
    if isinstance(literal.parent, (exp.Limit, exp.Offset, exp.Fetch)):
        return replacement.text.isdigit()
    if isinstance(literal.parent, (exp.Like, exp.ILike)):
        return not {"%", "_", "\\"} & set(replacement.text)
    return True


def _told_by_a_name(tree: exp.Query, slot: Slot) -> bool:
    """As in `AS paris_orders`: with another city the name would lie."""
    told = re.sub(r"\W+", "_", slot.key).strip("_")
    names = {alias.alias for alias in tree.find_all(exp.Alias)} | {
        alias.name for alias in tree.find_all(exp.TableAlias)
    }
    return len(told) >= _SHORTEST_TOLD and any(told in name.lower() for name in names)


def _of_one_column(before: Slot, after: Slot) -> bool:
    """Of two known values one may replace the other only where some column holds both."""
    if not before.values or not after.values:
        return True
    columns = {(value.table, value.column) for value in before.values}
    return any((value.table, value.column) in columns for value in after.values)


def _same_number(left: str, right: str) -> bool:
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def _rewritten(literal: exp.Literal, slot: Slot, replacement: Slot) -> str:
    old = {(value.table, value.column) for value in slot.values}
    spelled = [value.value for value in replacement.values if (value.table, value.column) in old]
    text = (spelled[0] if spelled else None) or replacement.text
    if not literal.is_string:
        return text
    return "%" * literal.name.startswith("%") + text + "%" * literal.name.endswith("%")
