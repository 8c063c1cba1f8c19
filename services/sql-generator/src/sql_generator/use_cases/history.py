"""Reading and forgetting past queries."""

from datetime import datetime
from uuid import UUID

from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import ListQueries, Queries, QueryDetail, QueryRef
from messaging import paging
from persistence import Database, cursor
from persistence.cursor import CursorError
from sql_generator.errors import invalid, not_found
from sql_generator.repository import history


class HistoryUseCases:
    """The verbs of past queries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, request: ListQueries, owner: Identity) -> Queries:
        """A page, the newest first."""
        try:
            after = cursor.decode(request.cursor, datetime, UUID) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await history.page(transaction, owner, request, after=after)
        page, last = paging.page(found, request.limit)
        return Queries(queries=page, next_cursor=cursor.encode(last.created_at, last.query_id) if last else None)

    async def read(self, request: QueryRef, owner: Identity) -> QueryDetail:
        """One query with its whole answer but its rows."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await history.detail(transaction, owner, request.query_id)
        if found is None:
            raise not_found("query_id", "query")
        return found

    async def delete(self, request: QueryRef, owner: Identity) -> Empty:
        """Forget a query. The memory of it is one like any other, under the same id, and stays."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await history.remove(transaction, owner, request.query_id):
                raise not_found("query_id", "query")
        return Empty()
