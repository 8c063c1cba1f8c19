"""What embedding-worker answers."""

from faststream.nats import NatsBroker

from contracts.embedding_worker import EMBED, REEMBED, Embed, Embedding, Reembedding
from contracts.identity import Identity
from contracts.methods import Empty, ProblemError
from contracts.problems import FieldError, problem
from embedding_worker.models import EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.queries import Queries
from embedding_worker.reconciler import Reconciler
from embedding_worker.takeover import Takeover
from messaging import serve


def register(broker: NatsBroker, *, model: str, queries: Queries, takeover: Takeover, reconciler: Reconciler) -> None:
    """Answer this service's methods."""

    async def embed(request: Embed, identity: Identity) -> Embedding:
        try:
            return await queries.embed(request.text, identity)
        except EmbeddingUnavailable as error:
            retry_after = round(error.retry_after) if error.retry_after else 5
            raise ProblemError(problem("unavailable", str(error), retry_after=retry_after)) from error
        except EmbeddingRejected as error:
            wrong = FieldError(field="text", message=str(error))
            raise ProblemError(problem("invalid", errors=(wrong,))) from error

    async def reembed(_: Empty, __: Identity) -> Reembedding:
        reconciler.wake()
        takeover.look_again()
        return Reembedding(
            model=model,
            others=tuple(older.name for older in takeover.models),
            catching_up=takeover.catching_up,
        )

    serve(broker, EMBED, embed)
    serve(broker, REEMBED, reembed)
