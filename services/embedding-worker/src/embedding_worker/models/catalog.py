"""The embedding models we know, and the one that the settings ask for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embedding_worker.models import EmbeddingModel
from embedding_worker.models.weights import EncoderFiles

MINILM_MIN_SIMILARITY = 0.20
"""Calibrated on hand-written pairs of a question and a memory (tests/integration/test_models_calibration.py).

Of 48 related pairs 46 reach it (95.8 %; median 0.51), of 48 unrelated ones a single one does (median 0.07), and of
all 2,256 questions beside another question's memory 11.8 % do. At 0.25: 91.7 %, 0 % and 5.5 %. What stays below are
pairs linked by knowledge alone ("Plan my holiday", "likes hiking trips"). Chosen on the very pairs it is reported
for (95 % interval of the share kept: 86 to 99 %). A local model of the user's own gets it too, and should bring a
threshold of its own.
"""
UNCALIBRATED_MIN_SIMILARITY = 0.25
"""Conservative guess for text-embedding-3 and unknown models, whose cosines spread far lower than ada-002's.

Not calibrated: it lets some unrelated memories through rather than hide related ones.
"""
_OPENAI_MAX_TOKENS = 8192


@dataclass(frozen=True)
class _OpenAIEntry:
    dimensions: int
    min_similarity: float
    shortens: bool
    """Takes a `dimensions` parameter."""


_OPENAI = {
    "text-embedding-ada-002": _OpenAIEntry(1536, 0.70, shortens=False),
    "text-embedding-3-small": _OpenAIEntry(1536, UNCALIBRATED_MIN_SIMILARITY, shortens=True),
    "text-embedding-3-large": _OpenAIEntry(3072, UNCALIBRATED_MIN_SIMILARITY, shortens=True),
}


def create_model(
    provider: Literal["local", "openai"],
    *,
    model: str | None = None,
    dimensions: int | None = None,
    min_similarity: float | None = None,
    max_tokens: int | None = None,
    model_dir: Path | None = None,
    cache_dir: Path | None = None,
    batch_workers: int = 2,
    api_key: str | None = None,
    base_url: str | None = None,
    batch_timeout: float = 30.0,
    query_timeout: float = 5.0,
) -> EmbeddingModel:
    """The embedding model that the settings name; `min_similarity` replaces the model's own default.

    `model_dir`, `cache_dir` and `batch_workers` are the local model's, the rest the remote one's; `max_tokens` is the
    window of an endpoint's model where it is not 8,192 tokens; time-outs in seconds. Raises ValueError, naming the
    setting, where they contradict each other or say too little, FileNotFoundError where the local model's files are
    missing. The local model takes 0.1 s to load, a second more when its graph is not cached yet: call this off the
    event loop.
    """
    if provider == "local":
        return _create_local(model, dimensions, min_similarity, max_tokens, model_dir, cache_dir, batch_workers)
    return _create_openai(
        model, dimensions, min_similarity, max_tokens, api_key, base_url, batch_timeout, query_timeout
    )


def recreate_model(
    name: str,
    dimensions: int,
    *,
    model_dir: Path | None = None,
    cache_dir: Path | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
) -> EmbeddingModel | None:
    """The model whose vectors carry this name, for queries; None where these settings cannot make it.

    The packaged local model always can be made where it is installed, one of `model_dir` as long as its weights are
    there, a remote one with a key or an endpoint: whether that knows the model, its first answer tells. Call this off
    the event loop, as `create_model`.
    """
    for directory in dict.fromkeys((model_dir, None)):
        try:
            if EncoderFiles.of(directory).model_name() == name:
                return _create_local(name, dimensions, None, None, directory, cache_dir, 1)
        except (ImportError, OSError, ValueError):
            continue
    if not (api_key or base_url):
        return None
    shortened = (model for model in _OPENAI if name == f"{model}-{dimensions}")
    try:
        remote = _create_openai(next(shortened, name), dimensions, None, None, api_key, base_url, 5.0, 5.0)
    except ValueError:
        return None
    return remote if remote.name == name else None


def _create_local(
    model: str | None,
    dimensions: int | None,
    min_similarity: float | None,
    max_tokens: int | None,
    model_dir: Path | None,
    cache_dir: Path | None,
    batch_workers: int,
) -> EmbeddingModel:
    from embedding_worker.models.local import LocalModel  # noqa: PLC0415  # only where it is chosen

    local = LocalModel(
        default_min_similarity=MINILM_MIN_SIMILARITY if min_similarity is None else min_similarity,
        model_dir=model_dir,
        cache_dir=cache_dir,
        batch_workers=batch_workers,
    )
    if model not in {None, local.name}:
        raise ValueError(f"MEMORI_EMBEDDING_MODEL is {model!r}, the local provider has {local.name!r}")
    if dimensions not in {None, local.dimensions}:
        raise ValueError(f"MEMORI_EMBEDDING_DIMENSIONS is {dimensions}, {local.name} has {local.dimensions}")
    if max_tokens not in {None, local.max_tokens}:
        raise ValueError(f"MEMORI_EMBEDDING_MAX_TOKENS is {max_tokens}, {local.name} has {local.max_tokens}")
    return local


def _create_openai(
    model: str | None,
    dimensions: int | None,
    min_similarity: float | None,
    max_tokens: int | None,
    api_key: str | None,
    base_url: str | None,
    batch_timeout: float,
    query_timeout: float,
) -> EmbeddingModel:
    model = model or "text-embedding-ada-002"
    known = _OPENAI.get(model)
    dimensions = dimensions or (known.dimensions if known else None)
    if dimensions is None:
        raise ValueError(f"MEMORI_EMBEDDING_DIMENSIONS must be set: the dimensions of {model!r} are not known")
    if known and not known.shortens and dimensions != known.dimensions:
        raise ValueError(f"MEMORI_EMBEDDING_DIMENSIONS is {dimensions}, {model} always has {known.dimensions}")
    if known and dimensions > known.dimensions:
        raise ValueError(f"MEMORI_EMBEDDING_DIMENSIONS is {dimensions}, {model} has at most {known.dimensions}")
    if not (api_key or base_url):
        raise ValueError("OPENAI_API_KEY must be set (an endpoint of your own, OPENAI_BASE_URL, may do without)")
    if min_similarity is None:
        min_similarity = known.min_similarity if known else UNCALIBRATED_MIN_SIMILARITY

    from embedding_worker.models.openai import OpenAIModel  # noqa: PLC0415  # only where it is chosen

    return OpenAIModel(
        # A shortened vector lives in a space of its own.
        name=f"{model}-{dimensions}" if known and dimensions != known.dimensions else model,
        model=model,
        dimensions=dimensions,
        send_dimensions=known is not None and known.shortens,
        default_min_similarity=min_similarity,
        max_tokens=max_tokens or _OPENAI_MAX_TOKENS,
        api_key=api_key or "none",
        base_url=base_url,
        batch_timeout=batch_timeout,
        query_timeout=query_timeout,
    )
