"""Files: uploaded, they become data sources that can be asked."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from contracts import sql_generator
from contracts.methods import ProblemError
from contracts.problems import TITLES, FieldError, problem
from contracts.sql_generator import (
    PART_BYTES,
    CompleteFile,
    FilePart,
    FilePreview,
    FileRef,
    ListFiles,
    NewFile,
    PreviewOf,
    UploadedFile,
    UploadedFiles,
)
from gateway.problems import MAY_CONFLICT
from gateway.services import JSON, Authenticated, Services

PATH = "/api/files"
FORM_BYTES = 64 * 1024
"""What a form may have beside the file in it."""

router = APIRouter(prefix=PATH, tags=["files"])

_FORM = "multipart/form-data"
_FIELDS = frozenset({"file", "file_id"})
_MAX_FIELD_BYTES = 1_024
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "CSV, TSV, Parquet, XLSX, JSON (array or lines) or SQLite, as its name says",
                        },
                        "file_id": {
                            "type": "string",
                            "format": "uuid",
                            "description": "Send your own to make a retry harmless",
                        },
                    },
                }
            }
        },
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"description": TITLES["too-large"]},
    415: {"description": "Unsupported Media Type"},
    422: {"description": TITLES["invalid"]},
}


@router.post("", status_code=201, response_model=UploadedFile, openapi_extra=_BODY, responses=_REFUSALS | MAY_CONFLICT)
async def upload_file(services: Authenticated, request: Request) -> Response:
    """Upload a file. It is converted in the background; once it is `ready`, a data source has its id."""
    async with _form(request) as (content, file_id):
        file = await services.ask(sql_generator.CREATE_FILE, _new_file(file_id, content.filename or ""))
        if file.status == "receiving":
            file = await _send(services, file_id, content)
    return Response(file.model_dump_json(), 201, {"Location": f"{PATH}/{file_id}"}, JSON)


@router.get("", response_model=UploadedFiles)
async def list_files(services: Authenticated, page: Annotated[ListFiles, Query()]) -> Response:
    """My files, the newest first."""
    return await services.relay(sql_generator.LIST_FILES, page)


@router.get("/{file_id}", response_model=UploadedFile)
async def get_file(services: Authenticated, file_id: UUID) -> Response:
    """One file: how far it is, or why it failed."""
    return await services.relay(sql_generator.GET_FILE, FileRef(file_id=file_id))


@router.get("/{file_id}/preview", response_model=FilePreview, responses=MAY_CONFLICT)
async def preview_file(
    services: Authenticated, file_id: UUID, rows: Annotated[int, Query(ge=1, le=100)] = 20
) -> Response:
    """The tables that a file became, with their first rows; 409 while there are none."""
    return await services.relay(sql_generator.PREVIEW_FILE, PreviewOf(file_id=file_id, rows=rows))


@router.delete("/{file_id}", status_code=204)
async def delete_file(services: Authenticated, file_id: UUID) -> Response:
    """Delete a file, with its data source and that one's rules and query patterns."""
    return await services.relay(sql_generator.DELETE_FILE, FileRef(file_id=file_id), status=204)


async def _send(services: Services, file_id: UUID, content: UploadFile) -> UploadedFile:
    """Hand the file on, a part at a time: it is in memory as a whole nowhere."""
    digest, size, index = hashlib.sha256(), 0, 0
    while data := await content.read(PART_BYTES):
        await services.ask(sql_generator.WRITE_FILE, FilePart(file_id=file_id, index=index, data=data))
        digest.update(data)
        size += len(data)
        index += 1
    whole = CompleteFile(file_id=file_id, size_bytes=size, sha256=digest.hexdigest())
    return await services.ask(sql_generator.COMPLETE_FILE, whole)


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[tuple[UploadFile, UUID]]:
    """The file in the form, and its id; a large one lies in a temporary file until the block ends.

    Raises:
        ProblemError: the form is not one, or lacks the file; each wrong field is named.
        HTTPException: the body does not say that it is a form (415).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise HTTPException(415, f"send {_FORM} with the field file", headers={"Accept-Post": _FORM})
    try:
        form = await request.form(max_files=1, max_fields=len(_FIELDS), max_part_size=_MAX_FIELD_BYTES)
    except HTTPException as error:
        raise _invalid("body", f"is not such a form: {error.detail}") from None
    try:
        for name in form:
            if name not in _FIELDS:
                raise _invalid(name, "is not a field of this form")
        content = form.get("file")
        if not isinstance(content, UploadFile):
            raise _invalid("file", "is required, as a file")
        yield content, _file_id(form.get("file_id"))
    finally:
        await form.close()


def _file_id(given: object) -> UUID:
    if given is None:
        return uuid4()
    try:
        return UUID(str(given))
    except ValueError:
        raise _invalid("file_id", "is not a UUID") from None


def _new_file(file_id: UUID, name: str) -> NewFile:
    try:
        return NewFile(file_id=file_id, file_name=name)
    except ValidationError:
        raise _invalid("file", "needs a name of 1 to 255 characters") from None


def _invalid(field: str, message: str) -> ProblemError:
    return ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))
