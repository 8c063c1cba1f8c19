"""What embedding-worker answers."""

from faststream.nats import NatsBroker

from contracts.embedding_worker import EMBED, Embed, Embedding
from contracts.identity import Identity
from contracts.methods import ProblemError
from contracts.problems import FieldError, problem
from embedding_worker.models import EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.use_cases import Embeddings
from messaging import serve


def register(broker: NatsBroker, embeddings: Embeddings) -> None:
    """Answer this service's methods."""

    async def embed(request: Embed, identity: Identity) -> Embedding:
        try:
            return await embeddings.embed_query(request.text, identity)
        except EmbeddingUnavailable as error:
            retry_after = round(error.retry_after) if error.retry_after else 5
            raise ProblemError(problem("unavailable", str(error), retry_after=retry_after)) from error
        except EmbeddingRejected as error:
            wrong = FieldError(field="text", message=str(error))
            raise ProblemError(problem("invalid", errors=(wrong,))) from error

    serve(broker, EMBED, embed)
