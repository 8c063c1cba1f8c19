"""Files come in as a form and go on in parts; nobody unknown is read, and nothing is in memory as a whole."""

import hashlib
from uuid import UUID, uuid4

import pytest

from contracts import sql_generator
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from contracts.sql_generator import PART_BYTES, UploadedFile, UploadedFiles
from gateway.api.files import FORM_BYTES

MIB = 1024 * 1024


@pytest.fixture
def files(services):
    """Stands in for sql-generator's files; what was written, by file."""
    kept = {}

    def shown(file_id, status, **fields):
        given = {
            "file_id": file_id, "file_name": "sales.csv", "kind": "csv", "status": status, "progress": 0,
            "size_bytes": None, "sha256": None, "row_count": None, "table_count": None, "data_source_id": None,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        return UploadedFile.model_validate(given | fields)

    async def create(request, _identity):
        if request.file_id in kept:
            return shown(request.file_id, "ready")
        kept[request.file_id] = []
        return shown(request.file_id, "receiving", file_name=request.file_name)

    async def write(request, _identity):
        assert request.index == len(kept[request.file_id])
        kept[request.file_id].append(request.data)
        return Empty()

    async def complete(request, _identity):
        return shown(request.file_id, "received", size_bytes=request.size_bytes, sha256=request.sha256)

    services.on(sql_generator.CREATE_FILE, create)
    services.on(sql_generator.WRITE_FILE, write)
    services.on(sql_generator.COMPLETE_FILE, complete)
    services.shown = shown
    return kept


async def test_a_file_goes_on_in_parts_that_add_up(ada, files):
    content = bytes(range(256)) * (2 * MIB // 256 + 1)
    answer = await ada.post("/api/files", files={"file": ("sales.csv", content)})
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert answer.headers["location"] == f"/api/files/{file['file_id']}"
    parts = files[UUID(file["file_id"])]
    assert b"".join(parts) == content
    assert {len(part) for part in parts[:-1]} == {PART_BYTES}
    assert (file["size_bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


async def test_the_same_id_again_sends_nothing_again(ada, files, services):
    form = {"data": {"file_id": str(uuid4())}, "files": {"file": ("sales.csv", b"a,b\n")}}
    assert (await ada.post("/api/files", **form)).json()["status"] == "received"
    assert (await ada.post("/api/files", **form)).json()["status"] == "ready"
    assert len(services.asked(sql_generator.WRITE_FILE)) == 1


async def test_an_empty_file_is_the_owners_to_refuse(ada, files, services):
    assert (await ada.post("/api/files", files={"file": ("empty.csv", b"")})).status_code == 201
    assert services.asked(sql_generator.COMPLETE_FILE)[-1].size_bytes == 0


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"data": {"file_id": str(uuid4())}, "files": {"other": ("x.csv", b"a")}}, "other"),
        ({"data": {"file": "not a file"}, "files": {"file_id": ("x.csv", b"a")}}, "file"),
        ({"data": {"file_id": "7"}, "files": {"file": ("x.csv", b"a")}}, "file_id"),
        ({"data": {"surprise": "1"}, "files": {"file": ("x.csv", b"a")}}, "surprise"),
        ({"data": {"file_id": "7" * 2_000}, "files": {"file": ("x.csv", b"a")}}, "body"),
        ({"files": [("file", ("x.csv", b"a")), ("file", ("y.csv", b"a"))]}, "body"),
        ({"files": {"file": (f"{'x' * 256}.csv", b"a")}}, "file"),
        ({"content": b"no boundary", "headers": {"Content-Type": "multipart/form-data"}}, "body"),
        ({"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, "file"),
    ],
)
async def test_a_form_that_is_wrong_names_what_is(ada, files, services, check_problem, sent, field):
    check_problem(await ada.post("/api/files", **sent), 422, "invalid", field)
    assert services.requests == []


async def test_a_body_that_is_no_form_is_unsupported(ada, files, check_problem):
    check_problem(await ada.post("/api/files", json={"file": "x"}), 415, "unsupported-media-type")


async def test_a_name_is_handed_on_as_text_whatever_it_says(ada, files, services):
    for name in ("../../etc/passwd.csv", 'a"; DROP TABLE x; --.csv', "Überblick 2026.csv", "C:\\temp\\x.csv"):
        assert (await ada.post("/api/files", files={"file": (name, b"a")})).status_code == 201, name
    names = [request.file_name for request in services.asked(sql_generator.CREATE_FILE)]
    assert names[2] == "Überblick 2026.csv"
    assert all(name.endswith(".csv") for name in names)


async def test_a_file_beyond_the_limit_is_refused_and_one_within_is_not(start_gateway, token, files, check_problem):
    import httpx

    with start_gateway(max_file_bytes=MIB) as url:
        async with httpx.AsyncClient(base_url=url, headers=token("ada"), timeout=20) as client:
            fits = await client.post("/api/files", files={"file": ("x.csv", bytes(MIB))})
            assert fits.status_code == 201
            large = await client.post("/api/files", files={"file": ("x.csv", bytes(MIB + FORM_BYTES))})
            check_problem(large, 413, "too-large")


async def test_nobody_unknown_uploads(anonymous, files, services, check_problem):
    check_problem(await anonymous.post("/api/files", files={"file": ("x.csv", b"a")}), 401, "unauthenticated")
    assert services.requests == []


async def test_what_the_owner_refuses_while_it_arrives_is_said(ada, files, services, check_problem):
    async def refuse(_request, _identity):
        raise ProblemError(problem("too-large", "a file may have 10 bytes at most"))

    services.on(sql_generator.WRITE_FILE, refuse)
    check_problem(await ada.post("/api/files", files={"file": ("x.csv", b"a")}), 413, "too-large")
    assert services.asked(sql_generator.COMPLETE_FILE) == []


async def test_files_are_listed_read_shown_and_deleted(ada, files, services):
    file_id = uuid4()

    async def one(request, _identity):
        return services.shown(request.file_id, "ready", data_source_id=request.file_id)

    async def listed(_request, _identity):
        return UploadedFiles(files=(services.shown(file_id, "ready"),))

    async def shown(request, _identity):
        return sql_generator.FilePreview(file_id=request.file_id, tables=(), truncated=False)

    async def deleted(_request, _identity):
        return Empty()

    services.on(sql_generator.GET_FILE, one)
    services.on(sql_generator.LIST_FILES, listed)
    services.on(sql_generator.PREVIEW_FILE, shown)
    services.on(sql_generator.DELETE_FILE, deleted)
    assert (await ada.get(f"/api/files/{file_id}")).json()["data_source_id"] == str(file_id)
    assert [file["file_id"] for file in (await ada.get("/api/files?limit=5")).json()["files"]] == [str(file_id)]
    assert services.asked(sql_generator.LIST_FILES)[-1].limit == 5
    assert (await ada.get(f"/api/files/{file_id}/preview?rows=3")).json()["tables"] == []
    assert services.asked(sql_generator.PREVIEW_FILE)[-1].rows == 3
    assert (await ada.get(f"/api/files/{file_id}/preview?rows=101")).status_code == 422
    assert (await ada.delete(f"/api/files/{file_id}")).status_code == 204
