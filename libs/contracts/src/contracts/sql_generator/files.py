"""Uploaded files: each becomes a database, and a data source that can be asked."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, WithJsonSchema

from contracts.base import Cursor, Message, Text, UtcTime
from contracts.methods import Empty, Method
from contracts.sql_generator.data_sources import Column
from contracts.sql_generator.service import SERVICE

FileKind: TypeAlias = Literal["csv", "tsv", "parquet", "xlsx", "json", "sqlite"]
FileStatus: TypeAlias = Literal["receiving", "received", "converting", "ready", "failed"]

PART_BYTES = 320 * 1024
"""Of a file a message: base64 makes it a third longer, and one message holds 512 KiB."""


class FileRef(Message):
    """Names a file."""

    file_id: UUID


class NewFile(FileRef):
    """A file that is about to arrive; the kind is that of its name's ending."""

    file_name: Annotated[Text, Field(min_length=1, max_length=255)]


class FilePart(FileRef):
    """A piece of `PART_BYTES`, the last one shorter; sent again, it takes the place of what was sent before."""

    index: Annotated[int, Field(ge=0)]
    data: Annotated[
        bytes,
        Field(min_length=1, max_length=PART_BYTES),
        WithJsonSchema({"type": "string", "contentEncoding": "base64url"}),
    ]


class CompleteFile(FileRef):
    """All parts were sent: what they add up to."""

    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class FileTable(Message):
    """A table that a file became; a column's comment is the header it had, where that is another than its name."""

    name: str
    columns: tuple[Column, ...]
    row_count: int | None


class UploadedFile(FileRef):
    """A file as it is kept. Once it is `ready`, a data source has its id."""

    file_name: str
    kind: FileKind
    status: FileStatus
    status_detail: str = Field(default="", description="Why it failed")
    progress: float = Field(description="How much of the conversion is done, from 0 to 1")
    size_bytes: int | None
    sha256: str | None
    row_count: int | None
    table_count: int | None
    data_source_id: UUID | None
    created_at: UtcTime
    updated_at: UtcTime


class ListFiles(Message):
    """A page of files, the newest first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Cursor | None = None


class UploadedFiles(Message):
    """A page of files."""

    files: tuple[UploadedFile, ...]
    next_cursor: Cursor | None = None


class PreviewOf(FileRef):
    """The first rows of each table of a file."""

    rows: Annotated[int, Field(ge=1, le=100)] = 20


class PreviewTable(FileTable):
    """A table with its first rows."""

    rows: tuple[tuple[JsonValue, ...], ...]


class FilePreview(FileRef):
    """The tables of a file; `truncated` when there are more than are shown, or wider rows than fit."""

    tables: tuple[PreviewTable, ...]
    truncated: bool


CREATE_FILE = Method(SERVICE, "create_file", NewFile, UploadedFile)
WRITE_FILE = Method(SERVICE, "write_file", FilePart, Empty)
COMPLETE_FILE = Method(SERVICE, "complete_file", CompleteFile, UploadedFile)
GET_FILE = Method(SERVICE, "get_file", FileRef, UploadedFile)
LIST_FILES = Method(SERVICE, "list_files", ListFiles, UploadedFiles)
PREVIEW_FILE = Method(SERVICE, "preview_file", PreviewOf, FilePreview)
DELETE_FILE = Method(SERVICE, "delete_file", FileRef, Empty)
