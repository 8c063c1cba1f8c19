"""What embedding-worker keeps of a user: what goes out of it, and what is erased."""

from embedding_worker.queries import Queries
from embedding_worker.tables import embeddings
from messaging import PersonalData
from persistence import Database
from persistence.erasures import Erasures
from persistence.personal_data import Export

# That there are vectors, of which model and until when: they themselves, and the hashes they are found by, are derived
# from texts that are elsewhere.
_EXPORTED = (Export("cached_vectors", embeddings, leave_out={"content_hash", "embedding"}),)
_ERASED = (embeddings,)


def personal_data(database: Database, erasures: Erasures, queries: Queries) -> PersonalData:
    """Export and erase of this service; the vectors of the user's questions leave the memory of this process too."""
    return PersonalData(database, erasures, exported=_EXPORTED, erased=_ERASED, forget=queries.forget)
