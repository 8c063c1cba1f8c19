"""What memory-store answers."""

from faststream.nats import NatsBroker

from contracts import memory_store as contract
from memory_store.use_cases.conversations import ConversationUseCases
from memory_store.use_cases.indexing import IndexingUseCases
from memory_store.use_cases.lives import LifeUseCases
from memory_store.use_cases.memories import MemoryUseCases
from memory_store.use_cases.messages import MessageUseCases
from memory_store.use_cases.search import SearchUseCases
from messaging import PersonalData, serve


def register(
    broker: NatsBroker,
    *,
    conversations: ConversationUseCases,
    messages: MessageUseCases,
    memories: MemoryUseCases,
    lives: LifeUseCases,
    search: SearchUseCases,
    indexing: IndexingUseCases,
    personal: PersonalData,
) -> None:
    """Answer this service's methods."""
    serve(broker, contract.CREATE_CONVERSATION, conversations.create)
    serve(broker, contract.GET_CONVERSATION, conversations.get)
    serve(broker, contract.UPDATE_CONVERSATION, conversations.update)
    serve(broker, contract.LIST_CONVERSATIONS, conversations.list)
    serve(broker, contract.DELETE_CONVERSATION, conversations.delete)
    serve(broker, contract.APPEND_MESSAGES, messages.append)
    serve(broker, contract.LIST_MESSAGES, messages.list)
    serve(broker, contract.FETCH_MESSAGES, messages.fetch)
    serve(broker, contract.CREATE, memories.create)
    serve(broker, contract.GET, memories.get)
    serve(broker, contract.LIST, memories.list)
    serve(broker, contract.UPDATE, memories.update)
    serve(broker, contract.ANNOTATE, memories.annotate)
    serve(broker, contract.DELETE, memories.delete)
    serve(broker, contract.PROMOTE, lives.promote)
    serve(broker, contract.RESTORE, lives.restore)
    serve(broker, contract.HISTORY, lives.history)
    serve(broker, contract.STATISTICS, lives.statistics)
    serve(broker, contract.ARCHIVE, lives.archive)
    serve(broker, contract.SEARCH, search.search)
    serve(broker, contract.RECALL, search.recall)
    serve(broker, contract.FETCH_CONTENTS, indexing.fetch_contents)
    serve(broker, contract.STORE_VECTORS, indexing.store_vectors)
    serve(broker, contract.FIND_UNEMBEDDED, indexing.find_unembedded)
    serve(broker, contract.COVERAGE, indexing.coverage)
    serve(broker, contract.PRUNE_VECTORS, indexing.prune_vectors)
    personal.serve(broker, contract.SERVICE)
