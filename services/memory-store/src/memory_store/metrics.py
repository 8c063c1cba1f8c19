"""What memory-store counts beyond what every service does."""

from prometheus_client import Counter

MEMORIES_STORED = Counter("memori_memories_stored_total", "Memories stored", ("memory_type",))
MEMORIES_ARCHIVED = Counter("memori_memories_archived_total", "Memories that left search", ("reason",))
MEMORIES_PROMOTED = Counter("memori_memories_promoted_total", "Short-term memories promoted because they are needed")
SEARCHES = Counter("memori_searches_total", "Searches and recalls answered", ("kind", "degraded"))
VECTORS_STORED = Counter("memori_memory_vectors_stored_total", "Memories whose vectors were stored")
