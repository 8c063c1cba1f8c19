"""Results that are asked for again within moments, without asking the source again."""

from collections.abc import Hashable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from cachetools import TTLCache

from contracts.sql_generator import DatabaseSchema, QueryResult, SourceKind
from sql_generator.sources import Limits, Source

MAX_BYTES: Final = 64 * 1024 * 1024


class ResultCache:
    """Keeps results for `seconds`, the least recently used ones of more than `MAX_BYTES` not even that long."""

    def __init__(self, seconds: float) -> None:
        self._results: TTLCache[Hashable, QueryResult] = TTLCache(MAX_BYTES, ttl=seconds, getsizeof=_size)

    def over(self, source: Source, key: Hashable) -> Source:
        """The source, asked only for what is not kept under `key`: all that tells this source, as this user has it,
        from every other.
        """
        return _CachedSource(source, key, self._results)

    def clear(self) -> None:
        self._results.clear()


class _CachedSource:
    def __init__(self, source: Source, key: Hashable, results: TTLCache[Hashable, QueryResult]) -> None:
        self._source = source
        self._key = key
        self._results = results

    @property
    def kind(self) -> SourceKind:
        return self._source.kind

    async def test(self) -> str:
        return await self._source.test()

    async def introspect(self) -> DatabaseSchema:
        return await self._source.introspect()

    async def execute(self, sql: str, limits: Limits) -> QueryResult:
        key = self._key, sql, limits.rows, limits.bytes
        if (kept := self._results.get(key)) is not None:
            return kept.model_copy(update={"from_cache": True})
        result = (await self._source.execute(sql, limits)).model_copy(update={"read_at": datetime.now(UTC)})
        # One that is larger than all there is room for is not kept.
        with suppress(ValueError):
            self._results[key] = result
        return result

    async def explain(self, sql: str, limits: Limits) -> tuple[str, ...]:
        return await self._source.explain(sql, limits)

    async def role_warnings(self) -> tuple[str, ...]:
        return await self._source.role_warnings()

    async def close(self) -> None:
        await self._source.close()


def _size(result: QueryResult) -> int:
    return len(result.model_dump_json())
