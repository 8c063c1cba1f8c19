"""all-MiniLM-L6-v2, or another BERT sentence encoder, on ONNX Runtime: no key, no network."""

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from embedding_worker.models import EmbeddingRejected
from embedding_worker.models.batching import by_length
from embedding_worker.models.chunking import slices
from embedding_worker.models.graph_cache import cached_graph, default_cache_dir, discard
from embedding_worker.models.weights import EncoderConfig, EncoderFiles

# From about 256 padded tokens a call runs at full speed; larger ones only take memory (50 MB of attention scores at
# 16 texts of 256 tokens) and keep a worker busy longer.
_MAX_TEXTS, _MAX_PADDED_TOKENS = 16, 1024
_NICENESS = 10


class LocalModel:
    """Implements EmbeddingModel in this process.

    Every run of the one shared session stays on its caller's thread: one thread for queries, `batch_workers` threads
    for batches, which yield the processor to the query's. Measured on two shared cores with texts of 16 tokens,
    medians of four runs: batches in 64s 350 texts/s on one worker, 640 on two; a query alone 3.7 ms, beside two busy
    workers 4.1 ms (95th percentile 6.6 ms; 14 ms where they do not yield).
    """

    def __init__(
        self,
        *,
        default_min_similarity: float,
        model_dir: Path | None = None,
        cache_dir: Path | None = None,
        batch_workers: int = 2,
    ) -> None:
        """Load the model: 0.1 s, and a second more the first time, when the graph is built into `cache_dir`.

        `model_dir` holds a model of the user's own in sentence-transformers' layout (BERT, mean pooling); without it
        the packaged weights are used and their checksum is verified. Raises FileNotFoundError where files are
        missing, ValueError where they are not what they should be.
        """
        files = EncoderFiles.of(model_dir)
        config = EncoderConfig.read(files)
        sha256 = files.expected_sha256 or files.sha256()
        self.name = files.model_name(sha256)
        self.dimensions = config.hidden_size
        self.default_min_similarity = default_min_similarity
        self.max_tokens = config.max_tokens
        self._pad_token_id = config.pad_token_id
        self._tokenizer = _load_tokenizer(files.tokenizer)
        self._special_tokens: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._session = _load_session(files, sha256, config, cache_dir or default_cache_dir())
        self._queries = ThreadPoolExecutor(1, "embed-query")
        self._batches = ThreadPoolExecutor(batch_workers, "embed-batch", initializer=_yield_to_queries)

    async def split(self, texts: Sequence[str]) -> list[list[str]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._batches, lambda: list(map(self._pieces, texts)))

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        loop = asyncio.get_running_loop()
        token_ids = await loop.run_in_executor(self._batches, self._tokenize, texts)
        groups = by_length(list(map(len, token_ids)), max_texts=_MAX_TEXTS, max_padded_tokens=_MAX_PADDED_TOKENS)

        async def embed_group(indices: list[int]) -> None:
            group = [token_ids[index] for index in indices]
            vectors[indices] = await loop.run_in_executor(self._batches, self._run, group)

        await asyncio.gather(*map(embed_group, groups))
        return vectors

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._queries, lambda: self._run(self._tokenize([text]))[0])

    async def close(self) -> None:
        for lane in (self._queries, self._batches):
            await asyncio.to_thread(lane.shutdown)

    def count_tokens(self, text: str) -> int:
        """Length of the whole text in tokens, special tokens included; above `max_tokens` the rest is cut off."""
        return len(self._encode(text).ids)

    def _encode(self, text: str, *, special_tokens: bool = True) -> Encoding:
        try:
            return self._tokenizer.encode(text, add_special_tokens=special_tokens)
        except TypeError as error:
            raise EmbeddingRejected("the text is not valid Unicode (it holds a lone surrogate)") from error

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        # One by one: encode_batch would start a thread pool of its own, and 64 short texts take 2 ms.
        return [self._fit(self._encode(text).ids) for text in texts]

    def _fit(self, token_ids: list[int]) -> list[int]:
        if len(token_ids) <= self.max_tokens:
            return token_ids
        return [*token_ids[: self.max_tokens - 1], token_ids[-1]]  # the last one is special: it ends the text

    def _pieces(self, text: str) -> list[str]:
        starts = [start for start, _ in self._encode(text, special_tokens=False).offsets]
        found = slices(
            text,
            starts,
            lambda piece: self.count_tokens(piece) - self._special_tokens,
            window=self.max_tokens - self._special_tokens,
        )
        return [text[piece] for piece in found]

    def _run(self, token_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        shape = len(token_ids), max(map(len, token_ids))
        ids = np.full(shape, self._pad_token_id, np.int64)
        mask = np.zeros(shape, np.int64)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return cast("NDArray[np.float32]", vectors)


def _load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _load_session(
    files: EncoderFiles, sha256: str, config: EncoderConfig, cache_dir: Path
) -> onnxruntime.InferenceSession:
    graph = cached_graph(files, sha256, config, cache_dir)
    try:
        return _open(graph)
    except Exception:  # noqa: BLE001  # ONNX Runtime's errors share no base; a second failure is raised
        discard(graph)
        return _open(cached_graph(files, sha256, config, cache_dir))


def _open(graph: Path) -> onnxruntime.InferenceSession:
    # What is embedded here is nobody's business, not even that it is.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; warnings about the host's devices concern nobody
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _yield_to_queries() -> None:
    if sys.platform == "linux":  # elsewhere the priority is the process's, not the thread's
        thread = threading.get_native_id()
        # Never less nice than the process was started: that may be forbidden.
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
