"""A user's own data: everything out, whole or not at all; everything gone, with a receipt."""

import io
import json
import zipfile
from datetime import datetime, timedelta

import pytest

from contracts.entity_extractor import SERVICE as ENTITY_EXTRACTOR
from contracts.methods import Empty, ProblemError
from contracts.personal_data import ErasedRows, ExportedRows, erase_of, export_of
from contracts.problems import problem
from contracts.topology import OWNERS
from messaging import create_broker, serve

ERASED_AT = "2026-01-02T03:04:05Z"


def pages(service):
    """Two kinds, the first on two pages."""

    async def answer(request, identity):
        row = {"of": identity.user_id, "in": service}
        return {
            None: ExportedRows(kind="first", rows=({**row, "n": 1},), next_cursor="b"),
            "b": ExportedRows(kind="first", rows=({**row, "n": 2},), next_cursor="c"),
            "c": ExportedRows(kind="second"),
        }[request.cursor]

    return answer


def counts(service):
    async def answer(_request, _identity):
        return ErasedRows(erased_at=ERASED_AT, rows={f"memori_{service}": 3})

    return answer


async def fail(_request, _identity):
    raise ProblemError(problem("unavailable", "the database is away", retry_after=2))


@pytest.fixture
async def owners(services):
    """Every owner answers, entity-extractor too."""
    for service in OWNERS:
        if service != ENTITY_EXTRACTOR:
            services.on(export_of(service), pages(service))
            services.on(erase_of(service), counts(service))
    broker = create_broker(services.broker.specification.url[0], service="stand-ins")
    serve(broker, export_of(ENTITY_EXTRACTOR), pages(ENTITY_EXTRACTOR))
    serve(broker, erase_of(ENTITY_EXTRACTOR), counts(ENTITY_EXTRACTOR))
    await broker.start()
    yield services
    await broker.stop()


async def test_the_export_is_a_zip_of_what_every_owner_keeps(ada, owners):
    answer = await ada.get("/api/users/me/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="memori-export-')
    assert int(answer.headers["content-length"]) == len(answer.content)
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    for service in OWNERS:
        rows = [json.loads(line) for line in found.read(f"{service}/first.jsonl").splitlines()]
        assert rows == [{"of": "ada", "in": service, "n": n} for n in (1, 2)]
        assert found.read(f"{service}/second.jsonl") == b""
    manifest = json.loads(found.read("manifest.json"))
    assert manifest["user_id"] == "ada"
    assert len(manifest["files"]) == 2 * len(OWNERS)
    assert "Left out" in found.read("README.txt").decode()


async def test_an_export_without_one_of_the_owners_is_none(ada, services, check_problem):
    for service in OWNERS:
        if service != ENTITY_EXTRACTOR:
            services.on(export_of(service), pages(service))
    answer = await ada.get("/api/users/me/export")
    check_problem(answer, 503, "unavailable")
    assert ENTITY_EXTRACTOR in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


async def test_an_export_that_breaks_off_on_its_last_page_is_none(ada, owners, check_problem):
    answer_first = pages("sql-generator")

    async def then_fail(request, identity):
        if request.cursor is None:
            return await answer_first(request, identity)
        return await fail(request, identity)

    owners.on(export_of("sql-generator"), then_fail)
    answer = await ada.get("/api/users/me/export")
    check_problem(answer, 503, "unavailable")
    assert "sql-generator" in answer.json()["detail"]


async def test_a_large_export_arrives_whole(ada, owners):
    async def many(request, _identity):
        number = int(request.cursor or 0)
        rows = tuple({"n": number * 100 + n, "text": f"{n:x}" * 500} for n in range(100))
        return ExportedRows(kind="many", rows=rows, next_cursor=str(number + 1) if number < 50 else None)

    owners.on(export_of("memory-store"), many)
    answer = await ada.get("/api/users/me/export")
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    numbers = [json.loads(line)["n"] for line in found.read("memory-store/many.jsonl").splitlines()]
    assert numbers == list(range(5_100))


async def test_erasing_asks_who_makes_others_store_before_who_stores_and_gives_a_receipt(ada, owners):
    answer = await ada.delete("/api/users/me/data")
    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt["services"] == {service: {f"memori_{service}": 3} for service in OWNERS}
    assert list(receipt["services"]) == list(reversed(OWNERS))
    assert receipt["pending"] == []
    erased_at = datetime.fromisoformat(receipt["erased_at"])
    assert erased_at == datetime.fromisoformat(ERASED_AT)
    assert datetime.fromisoformat(receipt["event_log_until"]) - erased_at == timedelta(days=7)
    assert datetime.fromisoformat(receipt["dead_letters_until"]) - erased_at == timedelta(days=30)
    assert "hash" in receipt["pseudonym_kept"]
    asked = [subject for subject, *_ in owners.requests]
    assert asked == [erase_of(service).subject for service in reversed(OWNERS) if service != ENTITY_EXTRACTOR]
    again = (await ada.delete("/api/users/me/data")).json()
    assert again["receipt_id"] != receipt["receipt_id"]


async def test_a_service_that_does_not_answer_is_told_by_the_event_and_named_in_the_receipt(ada, services):
    for service in OWNERS:
        if service != ENTITY_EXTRACTOR:
            services.on(erase_of(service), counts(service))
    services.on(erase_of("embedding-worker"), fail)
    receipt = (await ada.delete("/api/users/me/data")).json()
    assert receipt["pending"] == [ENTITY_EXTRACTOR, "embedding-worker"]
    assert set(receipt["services"]) == {"memory-store", "sql-generator"}


async def test_without_memory_store_there_is_no_receipt(ada, owners, check_problem):
    owners.on(erase_of("memory-store"), fail)
    answer = await ada.delete("/api/users/me/data")
    check_problem(answer, 503, "unavailable")
    assert "memory-store" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
    owners.on(erase_of("memory-store"), counts("memory-store"))
    assert (await ada.delete("/api/users/me/data")).status_code == 200


async def test_nobody_erases_or_exports_without_saying_who_they_are(anonymous, services):
    assert (await anonymous.delete("/api/users/me/data")).status_code == 401
    assert (await anonymous.get("/api/users/me/export")).status_code == 401
    assert services.requests == []


async def test_whose_data_it_is_comes_from_the_token_alone(ada, owners):
    await ada.delete("/api/users/me/data", headers={"X-User-Id": "eve"}, params={"user_id": "eve"})
    assert {identity.user_id for *_, identity in owners.requests} == {"ada"}
    assert all(request == Empty() for _, request, _ in owners.requests)
