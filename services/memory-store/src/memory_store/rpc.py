"""What memory-store answers."""

from faststream.nats import NatsBroker

from contracts import memory_store as contract
from memory_store.use_cases.conversations import ConversationUseCases
from memory_store.use_cases.indexing import IndexingUseCases
from memory_store.use_cases.memories import MemoryUseCases
from memory_store.use_cases.search import SearchUseCases
from messaging import serve


def register(
    broker: NatsBroker,
    *,
    conversations: ConversationUseCases,
    memories: MemoryUseCases,
    search: SearchUseCases,
    indexing: IndexingUseCases,
) -> None:
    """Answer this service's methods."""
    serve(broker, contract.CREATE_CONVERSATION, conversations.create)
    serve(broker, contract.GET_CONVERSATION, conversations.get)
    serve(broker, contract.LIST_CONVERSATIONS, conversations.list)
    serve(broker, contract.DELETE_CONVERSATION, conversations.delete)
    serve(broker, contract.CREATE, memories.create)
    serve(broker, contract.GET, memories.get)
    serve(broker, contract.UPDATE, memories.update)
    serve(broker, contract.DELETE, memories.delete)
    serve(broker, contract.SEARCH, search.search)
    serve(broker, contract.RECALL, search.recall)
    serve(broker, contract.FETCH_CONTENTS, indexing.fetch_contents)
    serve(broker, contract.STORE_VECTORS, indexing.store_vectors)
