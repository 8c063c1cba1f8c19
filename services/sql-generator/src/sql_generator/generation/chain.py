"""Several models, each for when those before it are away."""

from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import Counter

from observability import logger
from sql_generator.generation.model import Draft, GenerationContext, ModelAnswerInvalid, ModelUnavailable, SqlModel

FALLBACKS = Counter("memori_llm_fallbacks_total", "Drafts that another model wrote than the first", ("model",))

_log = logger(__name__)


class ModelChain:
    """Asks the first model that can be had; drafts and invalid answers say which one that was."""

    def __init__(self, models: Sequence[SqlModel]) -> None:
        self.name = models[0].name
        self._models = models

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models, in the order in which they are asked."""
        return tuple(model.name for model in self._models)

    async def draft(self, context: GenerationContext) -> Draft:
        """A draft by the first model that is not away; when all are, what the first one said."""
        first: ModelUnavailable | None = None
        for model in self._models:
            try:
                draft = await model.draft(context)
            except ModelUnavailable as error:
                _log.warning("model_unavailable", model=model.name, error=str(error))
                first = first or error
            except ModelAnswerInvalid as error:
                error.model = model.name
                raise
            else:
                if first is not None:
                    FALLBACKS.labels(model.name).inc()
                return replace(draft, model=model.name)
        assert first is not None  # noqa: S101  # there is at least one model
        raise first

    async def close(self) -> None:
        """Close every model."""
        for model in self._models:
            await model.close()
