"""Uploaded files in Postgres."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Text, and_, any_, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.sql_generator import FileKind, UploadedFile
from persistence import Transaction
from sql_generator.domain.files import MAX_ATTEMPTS
from sql_generator.repository import owned
from sql_generator.tables import file_uploads as table

_COLUMNS = [column for column in table.c if column.name not in {"tenant_id", "user_id", "location", "attempts"}]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file with where its bytes are."""

    file: UploadedFile
    location: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A file to convert, whose attempt it is: a later attempt makes what an earlier one says void."""

    owner: Identity
    file: UploadedFile
    location: str
    attempt: int


async def add(
    transaction: Transaction, owner: Identity, *, file_id: UUID, name: str, kind: FileKind, location: str, now: datetime
) -> UploadedFile | None:
    """The new file, or None when the id exists already."""
    statement = (
        insert(table)
        .values(
            tenant_id=owner.tenant_id,
            user_id=owner.user_id,
            file_id=file_id,
            file_name=name,
            kind=kind,
            location=location,
            status="receiving",
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "user_id", "file_id"])
        .returning(*_COLUMNS)
    )
    row = (await transaction.execute(statement)).one_or_none()
    return _file(row) if row else None


async def count(transaction: Transaction, owner: Identity) -> int:
    """How many files the user has."""
    return int(
        (await transaction.execute(select(func.count()).select_from(table).where(owned(table, owner)))).scalar_one()
    )


async def find(transaction: Transaction, owner: Identity, file_id: UUID, *, lock: bool = False) -> StoredFile | None:
    """The file, or None when this user has none of that id; with `lock` it stays as it is in the transaction."""
    statement = select(*_COLUMNS, table.c.location).where(_is(owner, file_id))
    row = (await transaction.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return StoredFile(_file(row), row.location) if row else None


async def page(
    transaction: Transaction, owner: Identity, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[UploadedFile]:
    """Up to `limit` files, the newest first, after a position: a time of creation and an id."""
    statement = select(*_COLUMNS).where(owned(table, owner)).limit(limit)
    statement = statement.order_by(table.c.created_at.desc(), table.c.file_id.desc())
    if after is not None:
        statement = statement.where(tuple_(table.c.created_at, table.c.file_id) < tuple_(*after))
    return [_file(row) for row in await transaction.execute(statement)]


async def touch(transaction: Transaction, owner: Identity, file_id: UUID, now: datetime) -> None:
    """Note that a part arrived."""
    await transaction.execute(update(table).where(_is(owner, file_id)).values(updated_at=now))


async def set_received(
    transaction: Transaction, owner: Identity, file_id: UUID, *, size_bytes: int, sha256: str, now: datetime
) -> UploadedFile:
    """The file, which is complete."""
    values = {"status": "received", "size_bytes": size_bytes, "sha256": sha256, "updated_at": now}
    statement = update(table).where(_is(owner, file_id)).values(values).returning(*_COLUMNS)
    return _file((await transaction.execute(statement)).one())


async def locations(transaction: Transaction, owner: Identity) -> list[str]:
    """Where the bytes of all files of the user are; no file changes until the transaction ends."""
    return list(
        (await transaction.execute(select(table.c.location).where(owned(table, owner)).with_for_update())).scalars()
    )


async def remove(transaction: Transaction, owner: Identity, file_id: UUID) -> str | None:
    """Forget the file, and say where its bytes are; None when there is none."""
    statement = delete(table).where(_is(owner, file_id)).returning(table.c.location)
    location: str | None = (await transaction.execute(statement)).scalar_one_or_none()
    return location


async def claim(transaction: Transaction) -> Claim | None:
    """Anybody's file that waits the longest to be converted, marked as being converted."""
    waiting = (
        select(table.c.tenant_id, table.c.user_id, table.c.file_id)
        .where(table.c.status == "received")
        .order_by(table.c.updated_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    statement = (
        update(table)
        .where(tuple_(table.c.tenant_id, table.c.user_id, table.c.file_id).in_(select(waiting)))
        .values(status="converting", progress=0, attempts=table.c.attempts + 1, updated_at=func.now())
        .returning(table)
    )
    row = (await transaction.execute(statement)).one_or_none()
    if row is None:
        return None
    return Claim(Identity(row.tenant_id, row.user_id), _file(row), row.location, row.attempts)


async def set_progress(transaction: Transaction, claim: Claim, progress: float) -> bool:
    """Note how far a conversion is; False when it is nobody's concern any more."""
    return await _change(transaction, claim, progress=progress)


async def set_ready(transaction: Transaction, claim: Claim, *, row_count: int | None, table_count: int) -> bool:
    """Note that a file can be asked; False when it is gone."""
    return await _change(transaction, claim, status="ready", progress=1, row_count=row_count, table_count=table_count)


async def set_failed(transaction: Transaction, claim: Claim, reason: str) -> bool:
    """Note why a file cannot be taken; False when it is gone."""
    return await _change(transaction, claim, status="failed", status_detail=reason)


async def resume(transaction: Transaction, *, under_way: Collection[str]) -> None:
    """Have conversions that ended with their process begun again, all but those of the locations `under_way`.

    Those that were begun often enough failed.
    """
    lost = and_(table.c.status == "converting", table.c.location.not_in(under_way))
    failed = (
        update(table)
        .where(lost, table.c.attempts >= MAX_ATTEMPTS)
        .values(status="failed", status_detail="its conversion was interrupted each time", updated_at=func.now())
    )
    await transaction.execute(failed)
    await transaction.execute(update(table).where(lost).values(status="received", updated_at=func.now()))


async def abandon(transaction: Transaction, older_than: timedelta) -> None:
    """Give up files whose parts stopped arriving."""
    statement = (
        update(table)
        .where(table.c.status == "receiving", table.c.updated_at < func.now() - older_than)
        .values(status="failed", status_detail="it never arrived as a whole", updated_at=func.now())
    )
    await transaction.execute(statement)


async def excuse(transaction: Transaction, claim: Claim) -> None:
    """Have this attempt not count: it failed for want of the store, not for the file."""
    await _change(transaction, claim, attempts=table.c.attempts - 1)


async def needed(transaction: Transaction, among: Collection[str]) -> set[str]:
    """Those of the locations that are those of a file, and not of one that failed."""
    statement = select(table.c.location).where(
        table.c.location == any_(literal(list(among), ARRAY(Text))), table.c.status != "failed"
    )
    return set((await transaction.execute(statement)).scalars())


async def _change(transaction: Transaction, claim: Claim, **values: Any) -> bool:
    statement = (
        update(table)
        .where(_is(claim.owner, claim.file.file_id), table.c.status == "converting", table.c.attempts == claim.attempt)
        .values(updated_at=func.now(), **values)
    )
    return (await transaction.execute(statement)).rowcount > 0


def _is(owner: Identity, file_id: UUID) -> ColumnElement[bool]:
    return and_(owned(table, owner), table.c.file_id == file_id)


def _file(row: Row[Any]) -> UploadedFile:
    found = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
    return UploadedFile.model_validate(found | {"data_source_id": row.file_id if row.status == "ready" else None})
