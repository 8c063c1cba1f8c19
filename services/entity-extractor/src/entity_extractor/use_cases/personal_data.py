"""What entity-extractor keeps of a user: what goes out of it, and what is erased."""

from entity_extractor.tables import (
    entities,
    fact_mentions,
    facts,
    forgotten_facts,
    learned_queries,
    mentions,
    outbox,
    relationships,
    sources,
    turns,
)
from messaging import PersonalData
from persistence import Database
from persistence.erasures import Erasures
from persistence.personal_data import Export

# `words` and `slot_id` are what entities and contradictions are found by: derived from what goes out.
_EXPORTED = (
    Export("entities", entities, leave_out={"words"}),
    Export("relationships", relationships),
    Export("graph_sources", sources),
    Export("learned_queries", learned_queries, leave_out={"words"}),
    Export("facts", facts, leave_out={"slot_id"}),
    Export("fact_mentions", fact_mentions),
    Export("forgotten_facts", forgotten_facts),
    Export("read_turns", turns, leave_out={"words"}),
    Export("mentions", mentions),
)
# Relationships refer to entities, and mentions to them and to turns.
_ERASED = (
    mentions,
    relationships,
    entities,
    learned_queries,
    sources,
    fact_mentions,
    facts,
    forgotten_facts,
    turns,
    outbox,
)


def personal_data(database: Database, erasures: Erasures) -> PersonalData:
    """Export and erase of this service."""
    return PersonalData(database, erasures, exported=_EXPORTED, erased=_ERASED)
