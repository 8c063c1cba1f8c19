"""What sql-generator keeps of a user: what goes out of it, and what is erased."""

from contracts.identity import Identity
from messaging import PersonalData
from persistence import Database
from persistence.erasures import Erasures
from persistence.personal_data import Export
from sql_generator.connections import Connections
from sql_generator.repository.data_sources import forget_schemas
from sql_generator.tables import data_sources, outbox, query_patterns, rules, usage

# Connections are secrets; vectors and keys are derived from the questions.
_EXPORTED = (
    Export("data_sources", data_sources, leave_out={"connection"}),
    Export("rules", rules),
    Export("queries", query_patterns, leave_out={"question_embedding", "embedding_model", "question_key"}),
    Export("usage", usage),
)
# Rules and queries refer to data sources.
_ERASED = (query_patterns, rules, data_sources, usage, outbox)


def personal_data(database: Database, erasures: Erasures, connections: Connections) -> PersonalData:
    """Export and erase of this service."""

    def forget(_: Identity) -> None:
        forget_schemas()
        connections.forget()

    return PersonalData(database, erasures, exported=_EXPORTED, erased=_ERASED, forget=forget)
