"""What sql-generator keeps of a user: what goes out of it, and what is erased."""

from contracts.identity import Identity
from messaging import PersonalData
from persistence import Database, Transaction
from persistence.erasures import Erasures
from persistence.personal_data import Export
from sql_generator.connections import Connections
from sql_generator.errors import unavailable
from sql_generator.repository import files
from sql_generator.repository.data_sources import forget_schemas
from sql_generator.tables import data_sources, file_uploads, outbox, query_patterns, rules, source_terms, usage
from sql_generator.uploads.store import FileStore

# Connections are secrets; vectors and keys are derived from the questions.
_EXPORTED = (
    Export("data_sources", data_sources, leave_out={"connection"}),
    Export("files", file_uploads, leave_out={"location", "attempts"}),
    Export("rules", rules),
    Export("queries", query_patterns, leave_out={"question_embedding", "embedding_model", "question_key"}),
    Export("usage", usage),
)
# Rules and queries refer to data sources.
_ERASED = (query_patterns, rules, source_terms, data_sources, file_uploads, usage, outbox)


def personal_data(database: Database, erasures: Erasures, connections: Connections, uploads: FileStore) -> PersonalData:
    """Export and erase of this service."""

    async def remove_bytes(transaction: Transaction, owner: Identity) -> None:
        # Before their rows: where the store is away, nothing is said to be erased.
        for location in await files.locations(transaction, owner):
            try:
                await uploads.remove(location)
            except OSError:
                raise unavailable("the store of uploaded files is away", retry_after=5) from None

    def forget(_: Identity) -> None:
        forget_schemas()
        connections.forget()

    return PersonalData(database, erasures, exported=_EXPORTED, erased=_ERASED, lock=remove_bytes, forget=forget)
