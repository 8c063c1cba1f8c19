"""What embedding-worker counts beyond what every service does."""

from prometheus_client import Counter, Gauge

CACHE = Counter("memori_embedding_cache_total", "Texts looked up in the embedding cache", ("outcome",))
EMBEDDED = Counter("memori_embedded_texts_total", "Texts embedded by the model")
ERRORS = Counter("memori_embedding_errors_total", "Calls of the embedding model that failed", ("kind",))
RECONCILED = Counter("memori_reconciled_memories_total", "Memories embedded that no event had brought")
REFUSED = Gauge("memori_refused_memories", "Memories that could not be embedded and are tried again ever more rarely")
OLDER_LEFT_OUT = Counter("memori_older_vectors_left_out_total", "Queries without the vector of an older model")
