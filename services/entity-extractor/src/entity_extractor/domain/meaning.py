"""Which tables and columns a question means, among those whose words it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from entity_extractor.domain.graph import Entity

# A column that this many tables have says little about which of them is meant.
_MAX_HOMONYMS = 5


@dataclass(frozen=True, slots=True)
class Meaning:
    """Names of tables and columns (`table.column`), the best match first."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]


def meant(named: Sequence[Entity]) -> Meaning:
    """What is meant by naming these tables and columns, in the order of their relevance.

    A column name that several tables share means that of a table which is named too. When none is, it means the table
    that alone has such a column, or else stays open between a few.
    """
    tables = dict.fromkeys(entity.node.entity_name for entity in named if entity.node.entity_type == "table")
    homonyms: dict[tuple[str, ...], list[Entity]] = {}
    for entity in named:
        if entity.node.entity_type == "column":
            homonyms.setdefault(entity.words, []).append(entity)
    columns: list[str] = []
    implied: dict[str, None] = {}
    for group in homonyms.values():
        here = [entity for entity in group if entity.properties["table"] in tables]
        owners = {str(entity.properties["table"]) for entity in group}
        if not here and len(owners) == 1:
            implied |= dict.fromkeys(owners)
        if here or len(owners) <= _MAX_HOMONYMS:
            columns += [entity.node.entity_name for entity in here or group]
    return Meaning(tuple(tables | implied), tuple(columns))
