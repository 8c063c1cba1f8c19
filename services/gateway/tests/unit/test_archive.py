"""The archive of an export, as whoever opens it finds it."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from contracts.identity import Identity
from contracts.personal_data import ExportedRows
from gateway import archive as module
from gateway.archive import Archive

ADA = Identity("acme", "ada ☃")
MADE_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def made(*pages):
    archive = Archive()
    for service, page in pages:
        archive.add(service, page)
    size = archive.finish(ADA, made_at=MADE_AT, version="1.2.3")
    body = archive.file.read()
    archive.close()
    assert len(body) == size
    found = zipfile.ZipFile(io.BytesIO(body))
    assert found.testzip() is None
    return found


def lines(found, name):
    *rows, rest = found.read(name).decode().split("\n")
    assert rest == ""
    return [json.loads(row) for row in rows]


def test_pages_of_one_kind_become_one_file_in_their_order():
    first = ExportedRows(kind="notes", rows=({"n": 1, "text": "line\nbreak ☃ \u2028"}, {"n": 2}), next_cursor="more")
    second = ExportedRows(kind="notes", rows=({"n": 3},))
    other = ExportedRows(kind="notes", rows=({"n": 4},))
    found = made(("one", first), ("one", second), ("another", other))
    assert [row["n"] for row in lines(found, "one/notes.jsonl")] == [1, 2, 3]
    assert lines(found, "one/notes.jsonl")[0]["text"] == "line\nbreak ☃ \u2028"
    assert lines(found, "another/notes.jsonl") == [{"n": 4}]


def test_a_row_that_came_in_pieces_is_whole():
    text = json.dumps({"n": "x" * 100})
    pieces = [text[:10], text[10:50], text[50:]]
    pages = [
        ExportedRows(kind="notes", piece=piece, ends_row=piece is pieces[-1], next_cursor="more") for piece in pieces
    ]
    around = ExportedRows(kind="notes", rows=({"n": "y"},))
    found = made(("one", around), *(("one", page) for page in pages), ("one", around))
    assert [row["n"] for row in lines(found, "one/notes.jsonl")] == ["y", "x" * 100, "y"]
    assert json.loads(found.read("manifest.json"))["files"][0]["rows"] == 3


def test_the_archive_says_what_is_in_it_whose_it_is_and_what_is_not():
    found = made(("one", ExportedRows(kind="notes", rows=({"n": 1},))), ("one", ExportedRows(kind="words")))
    assert set(found.namelist()) == {"one/notes.jsonl", "one/words.jsonl", "manifest.json", "README.txt"}
    assert found.read("one/words.jsonl") == b""
    manifest = json.loads(found.read("manifest.json"))
    assert (manifest["tenant_id"], manifest["user_id"], manifest["version"]) == ("acme", "ada ☃", "1.2.3")
    assert manifest["made_at"] == "2026-01-02T03:04:05+00:00"
    assert manifest["files"] == [
        {"name": "one/notes.jsonl", "service": "one", "kind": "notes", "rows": 1},
        {"name": "one/words.jsonl", "service": "one", "kind": "words", "rows": 0},
    ]
    readme = found.read("README.txt").decode()
    assert "1 in one/notes.jsonl" in readme
    for what in manifest["left_out"]:
        assert what in readme


def test_an_archive_that_is_given_up_leaves_nothing_open():
    archive = Archive()
    archive.add("one", ExportedRows(kind="notes", rows=({"n": 1},)))
    archive.close()
    assert archive.file.closed


@pytest.mark.parametrize("most_in_memory", [10, 10_000_000])
def test_a_large_archive_is_kept_in_a_file(monkeypatch, most_in_memory):
    monkeypatch.setattr(module, "_IN_MEMORY_BYTES", most_in_memory)
    found = made(("one", ExportedRows(kind="notes", rows=tuple({"n": n} for n in range(1_000)))))
    assert len(lines(found, "one/notes.jsonl")) == 1_000
