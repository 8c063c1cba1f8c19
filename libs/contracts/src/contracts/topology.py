"""Who may say what to whom: streams, durable consumers, limits and permissions, as data.

`memori migrate` provisions JetStream from this, the NATS configuration takes its users' permissions from it, and the
AsyncAPI document is generated from it.
"""

from dataclasses import dataclass

from contracts import embedding_worker, entity_extractor, memory_store, sql_generator
from contracts.dead_letters import drop_command_of, retry_command_of
from contracts.events import (
    EVENTS,
    ConversationDeleted,
    DataSourceDeleted,
    DataSourceSynced,
    EventData,
    MemoryArchived,
    MemoryCreated,
    MemoryDeleted,
    MemoryEmbedded,
    MemoryRestored,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
    QueryExecuted,
    QueryRated,
    UserErased,
)
from contracts.health import health_of
from contracts.methods import Method
from contracts.personal_data import erase_of, export_of

GATEWAY = "gateway"
MIGRATOR = "migrator"
"""Not a service: the operator's user, that provisions streams, reads dead letters and runs the `memori` command."""
SERVICES = (
    GATEWAY,
    memory_store.SERVICE,
    embedding_worker.SERVICE,
    entity_extractor.SERVICE,
    sql_generator.SERVICE,
)

OWNERS = tuple(service for service in SERVICES if service != GATEWAY)
"""The services that keep personal data. Erasing asks them last to first: who makes others store before who stores."""

OUTBOXES = tuple(service for service in SERVICES if any(data.source == service for data in EVENTS.values()))
"""The services with an outbox: those that say something."""

_DAY = 24 * 3600.0
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Stream:
    """A JetStream stream; times in seconds, sizes in bytes. Full means that the oldest messages go."""

    name: str
    subjects: tuple[str, ...]
    max_age: float = 7 * _DAY
    max_bytes: int = _GIB
    max_msg_size: int = 64 * 1024
    duplicate_window: float = 120.0


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable pull consumer of one service; times in seconds.

    Consumers say that they are at work three times an `ack_wait`, so it need not be as long as the work: it is how
    long the events of a crashed instance wait for another. An event that fails `max_failures` times by its own fault
    becomes a dead letter; one whose dependencies are away waits, up to `max_deliver` deliveries. Work that nobody waits
    for may `linger` after a batch that was not full, so that the next one costs as much for more.
    """

    service: str
    purpose: str
    events: tuple[type[EventData], ...]
    batch: int = 1
    ack_wait: float = 15.0
    max_failures: int = 20
    max_deliver: int = 10_000
    max_ack_pending: int = 1_000
    linger: float = 0.0

    @property
    def name(self) -> str:
        """The durable's name: service and purpose."""
        return f"{self.service}-{self.purpose}"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The event types it filters for."""
        return tuple(data.type for data in self.events)

    @property
    def stream(self) -> str:
        """The stream of the service whose events it consumes."""
        (source,) = {data.source for data in self.events}
        return stream_of(source)


def stream_of(service: str) -> str:
    """The name of the stream that holds a service's events."""
    return service.replace("-", "_").upper()


# A stream a service, so that a flood of one context's events cannot push out another's.
STREAMS = (
    *(
        Stream(stream_of(service), tuple(data.type for data in EVENTS.values() if data.source == service))
        for service in OUTBOXES
    ),
    # An event is kept whole, with what was wrong beside it.
    Stream("DEAD_LETTERS", ("dead_letter.>",), max_age=30 * _DAY, max_msg_size=128 * 1024),
    Stream("ADVISORIES", ("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",), max_age=30 * _DAY, max_bytes=_GIB // 16),
)

EMBED_MEMORIES = Durable(embedding_worker.SERVICE, "memories", (MemoryCreated, MemoryUpdated), batch=100)
EXTRACT_SCHEMAS = Durable(entity_extractor.SERVICE, "schemas", (DataSourceSynced, DataSourceDeleted))
LEARN_QUERIES = Durable(entity_extractor.SERVICE, "queries", (QueryExecuted, QueryRated), batch=10)
READ_TURNS = Durable(
    entity_extractor.SERVICE,
    "turns",
    (
        MessageAdded,
        ConversationDeleted,
        MemoryCreated,
        MemoryUpdated,
        MemoryArchived,
        MemorySuperseded,
        MemoryRestored,
        MemoryDeleted,
    ),
    batch=200,
    linger=1.0,
    # A model that answers nonsense costs money each time.
    max_failures=4,
)
RULES_FROM_MEMORIES = Durable(
    sql_generator.SERVICE,
    "rules",
    (MemoryCreated, MemoryUpdated, MemoryArchived, MemorySuperseded, MemoryRestored, MemoryDeleted),
    batch=50,
)
FORGET_SOURCES = Durable(memory_store.SERVICE, "sources", (DataSourceDeleted,))
REVIEW_MEMORIES = Durable(memory_store.SERVICE, "reviews", (MemoryEmbedded,), batch=50)
ERASURES = {
    service: Durable(service, "erasures", (UserErased,)) for service in OWNERS if service != memory_store.SERVICE
}
"""Who else keeps data of a user erases it on this event, should the gateway not have reached them."""

DURABLES = (
    EMBED_MEMORIES,
    EXTRACT_SCHEMAS,
    LEARN_QUERIES,
    READ_TURNS,
    RULES_FROM_MEMORIES,
    FORGET_SOURCES,
    REVIEW_MEMORIES,
    *ERASURES.values(),
)

SAYS_PROGRESS = sql_generator.SERVICE
HEARS_PROGRESS = GATEWAY
"""Who says how far a question has got, and who listens on behalf of the client that waits (`contracts.progress`)."""

CALLS: dict[str, tuple[Method, ...]] = {  # type: ignore[type-arg]  # methods of every type
    GATEWAY: (
        memory_store.CREATE_CONVERSATION,
        memory_store.GET_CONVERSATION,
        memory_store.UPDATE_CONVERSATION,
        memory_store.LIST_CONVERSATIONS,
        memory_store.DELETE_CONVERSATION,
        memory_store.APPEND_MESSAGES,
        memory_store.LIST_MESSAGES,
        memory_store.CREATE,
        memory_store.GET,
        memory_store.LIST,
        memory_store.UPDATE,
        memory_store.DELETE,
        memory_store.PROMOTE,
        memory_store.RESTORE,
        memory_store.HISTORY,
        memory_store.STATISTICS,
        memory_store.ARCHIVE,
        memory_store.SEARCH,
        entity_extractor.LIST_ENTITIES,
        entity_extractor.LIST_RELATIONSHIPS,
        entity_extractor.LIST_FACTS,
        entity_extractor.GET_ENTITY,
        entity_extractor.MERGE_ENTITIES,
        entity_extractor.DELETE_ENTITY,
        entity_extractor.GRAPH,
        sql_generator.REGISTER_DATA_SOURCE,
        sql_generator.GET_DATA_SOURCE,
        sql_generator.LIST_DATA_SOURCES,
        sql_generator.UPDATE_DATA_SOURCE,
        sql_generator.TEST_DATA_SOURCE,
        sql_generator.SYNC_DATA_SOURCE,
        sql_generator.DELETE_DATA_SOURCE,
        sql_generator.GET_SCHEMA,
        sql_generator.CREATE_FILE,
        sql_generator.WRITE_FILE,
        sql_generator.COMPLETE_FILE,
        sql_generator.GET_FILE,
        sql_generator.LIST_FILES,
        sql_generator.PREVIEW_FILE,
        sql_generator.DELETE_FILE,
        sql_generator.CREATE_RULE,
        sql_generator.GET_RULE,
        sql_generator.UPDATE_RULE,
        sql_generator.CONFIRM_RULE,
        sql_generator.DELETE_RULE,
        sql_generator.LIST_RULES,
        sql_generator.MATCH_RULES,
        sql_generator.GENERATE,
        sql_generator.EXECUTE,
        sql_generator.RATE,
        sql_generator.LIST_QUERIES,
        sql_generator.READ_QUERY,
        sql_generator.DELETE_QUERY,
        sql_generator.USAGE,
        sql_generator.RECALL,
        sql_generator.RECOMMEND,
        *(method(service) for service in OWNERS for method in (health_of, export_of, erase_of)),
    ),
    memory_store.SERVICE: (embedding_worker.EMBED,),
    embedding_worker.SERVICE: (
        memory_store.FETCH_CONTENTS,
        memory_store.STORE_VECTORS,
        memory_store.FIND_UNEMBEDDED,
        memory_store.COVERAGE,
    ),
    entity_extractor.SERVICE: (
        memory_store.FETCH_MESSAGES,
        memory_store.FETCH_CONTENTS,
        memory_store.CREATE,
        memory_store.DELETE,
        memory_store.ANNOTATE,
        sql_generator.GET_DATA_SOURCE,
        sql_generator.GET_SCHEMA,
        sql_generator.GET_QUERY,
        sql_generator.PROPOSE_RULE,
    ),
    sql_generator.SERVICE: (
        embedding_worker.EMBED,
        memory_store.GET_CONVERSATION,
        memory_store.LIST_MESSAGES,
        memory_store.RECALL,
        memory_store.CREATE,
        memory_store.FETCH_CONTENTS,
        entity_extractor.CONTEXT,
    ),
    MIGRATOR: (
        memory_store.COVERAGE,
        memory_store.PRUNE_VECTORS,
        memory_store.LIST_CONVERSATIONS,
        memory_store.LIST_MESSAGES,
        memory_store.LIST,
        sql_generator.LIST_DATA_SOURCES,
        sql_generator.LIST_QUERIES,
        entity_extractor.RESET,
        entity_extractor.RELEARN,
        embedding_worker.REEMBED,
        *(method(service) for service in OUTBOXES for method in (retry_command_of, drop_command_of)),
    ),
}
"""Which service calls which methods. A call that is not here is refused by NATS."""


def answered_by(service: str) -> tuple[Method, ...]:  # type: ignore[type-arg]
    """Every method some other service may call on this one."""
    return tuple(dict.fromkeys(m for methods in CALLS.values() for m in methods if m.service == service))
