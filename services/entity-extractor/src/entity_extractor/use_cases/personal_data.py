"""What entity-extractor keeps of a user: what goes out of it, and what is erased."""

from entity_extractor.tables import entities, learned_queries, outbox, relationships, sources
from messaging import PersonalData
from persistence import Database
from persistence.erasures import Erasures
from persistence.personal_data import Export

# `words` are what entities are found by: derived from their names.
_EXPORTED = (
    Export("entities", entities, leave_out={"words"}),
    Export("relationships", relationships),
    Export("graph_sources", sources),
    Export("learned_queries", learned_queries),
)
# Relationships refer to entities.
_ERASED = (relationships, entities, learned_queries, sources, outbox)


def personal_data(database: Database, erasures: Erasures) -> PersonalData:
    """Export and erase of this service."""
    return PersonalData(database, erasures, exported=_EXPORTED, erased=_ERASED)
