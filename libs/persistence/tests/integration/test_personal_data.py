"""Everything of one user out, whatever it is and however large, and everything of one user gone."""

import base64
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Column, DateTime, LargeBinary, MetaData, Numeric, Table, Text, Uuid, insert, update
from sqlalchemy.dialects.postgresql import JSONB

from contracts.identity import Identity
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.personal_data import ExportedRows
from persistence.cursor import CursorError
from persistence.personal_data import Export, erase_rows, export_page

ADA = Identity("acme", "ada")
EVE = Identity("acme", "eve")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
OWNER = "tenant_id text, user_id text"
TABLES = f"""(
    'create table toy_service.notes ({OWNER}, note_id uuid, body text, seen timestamptz, price numeric, tags text[],'
    ' links uuid[], seal bytea, facts jsonb, created_at timestamptz not null default now(),'
    ' primary key (tenant_id, user_id, note_id))',
    'create table toy_service.words ({OWNER}, word text, note_id uuid, primary key (tenant_id, user_id, word, note_id),'
    ' foreign key (tenant_id, user_id, note_id) references toy_service.notes on delete cascade)',
    'create table toy_service.seals ({OWNER}, seal bytea, primary key (tenant_id, user_id, seal))',
)"""


def table(name, *columns):
    owner = (Column("tenant_id", Text, primary_key=True), Column("user_id", Text, primary_key=True))
    return Table(name, MetaData(), *owner, *columns)


notes = table(
    "notes",
    Column("note_id", Uuid, primary_key=True),
    Column("body", Text),
    Column("seen", DateTime(timezone=True)),
    Column("price", Numeric),
    Column("tags", ARRAY(Text)),
    Column("links", ARRAY(Uuid)),
    Column("seal", LargeBinary),
    Column("facts", JSONB),
    Column("created_at", DateTime(timezone=True)),
)
words = table("words", Column("word", Text, primary_key=True), Column("note_id", Uuid, primary_key=True))
seals = table("seals", Column("seal", LargeBinary, primary_key=True))
EXPORTS = (Export("notes", notes, leave_out={"created_at"}), Export("words", words))


@pytest.fixture
async def app(toy):
    toy.revision(
        f"[op.execute(each) for each in {TABLES}]; isolate_users('toy_service', 'toy_service', 'notes', 'words', 'seals')"
    )
    await toy.migrate()
    async with toy.database() as database:
        yield database


@asynccontextmanager
async def entered(database, owner=ADA):
    async with database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
        yield transaction


async def add(database, into, *rows, owner=ADA):
    async with entered(database, owner) as transaction:
        for row in rows:
            values = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, **row}
            await transaction.execute(insert(into).values(values))


async def page(database, after=None, *, owner=ADA, exports=EXPORTS, **options):
    async with entered(database, owner) as transaction:
        found = await export_page(transaction, owner, exports, after, **options)
    # As it travels.
    return ExportedRows.model_validate_json(found.model_dump_json())


async def pages(database, **options):
    found = [await page(database, **options)]
    while (after := found[-1].next_cursor) is not None:
        found.append(await page(database, after, **options))
    return found


def rows_of(found):
    """What a reader makes of the pages: the rows of each kind."""
    rows, pending = {}, ""
    for each in found:
        of_kind = rows.setdefault(each.kind, [])
        of_kind += each.rows
        if each.piece is not None:
            pending += each.piece
            if each.ends_row:
                of_kind.append(json.loads(pending))
                pending = ""
    assert not pending
    return rows


async def test_a_row_of_every_type_goes_out_as_json(app):
    facts = {"nested": [1, 2.5, None, {"ü": "🙂"}]}
    row = {
        "note_id": UUID(int=7),
        "body": 'quoted "text"\n🙂',
        "seen": NOW,
        "price": Decimal("10.50"),
        "tags": ["a", "b"],
        "links": [UUID(int=8)],
        "seal": b"\xff\x00\xfb",
        "facts": facts,
    }
    await add(app, notes, row, {"note_id": UUID(int=8)})
    await add(app, words, {"word": "text", "note_id": UUID(int=7)})
    found = rows_of(await pages(app))
    assert found == {
        "notes": [
            {
                "note_id": "00000000-0000-0000-0000-000000000007",
                "body": 'quoted "text"\n🙂',
                "seen": "2026-01-02T03:04:05.000678Z",
                "price": "10.50",
                "tags": ["a", "b"],
                "links": ["00000000-0000-0000-0000-000000000008"],
                "seal": base64.urlsafe_b64encode(b"\xff\x00\xfb").decode(),
                "facts": facts,
            },
            {
                "note_id": "00000000-0000-0000-0000-000000000008",
                **dict.fromkeys(["body", "seen", "price", "tags", "links", "seal", "facts"]),
            },
        ],
        "words": [{"word": "text", "note_id": "00000000-0000-0000-0000-000000000007"}],
    }


async def test_nothing_of_another_user_goes_out(app):
    await add(app, notes, {"note_id": uuid4(), "body": "hers"}, owner=EVE)
    assert rows_of(await pages(app)) == {"notes": [], "words": []}
    assert rows_of(await pages(app, owner=EVE))["notes"][0]["body"] == "hers"


async def test_the_deepest_value_that_can_be_stored_goes_out(app):
    deep = leaf = {}
    for _ in range(31):
        leaf["a"] = leaf = {}
    await add(app, notes, {"note_id": uuid4(), "facts": deep})
    assert rows_of(await pages(app))["notes"][0]["facts"] == deep


async def test_every_page_fits_one_message_and_no_row_is_missing_or_comes_twice(app):
    bodies = [f"{number} " + '🙂\\"\n' * (number * 40) for number in range(150)]
    await add(app, notes, *({"note_id": uuid4(), "body": body} for body in bodies))
    found = await pages(app)
    assert len(found) > 3
    assert max(len(each.model_dump_json().encode()) for each in found) <= MAX_MESSAGE_BYTES
    assert sorted(row["body"] for row in rows_of(found)["notes"]) == sorted(bodies)


async def test_rows_that_come_and_go_meanwhile_disturb_no_other(app):
    kept = [UUID(int=number) for number in range(10, 100, 10)]
    await add(app, notes, *({"note_id": each, "body": "x" * 100} for each in kept))
    first = await page(app, room=500)
    assert 0 < len(first.rows) < len(kept)
    async with entered(app) as transaction:
        await transaction.execute(notes.delete().where(notes.c.note_id == UUID(first.rows[-1]["note_id"])))
    await add(app, notes, {"note_id": UUID(int=1), "body": "new"}, {"note_id": UUID(int=99), "body": "new"})
    found = [first]
    while (after := found[-1].next_cursor) is not None:
        found.append(await page(app, after, room=500))
    seen = [UUID(row["note_id"]).int for row in rows_of(found)["notes"]]
    assert seen == [*(each.int for each in kept), 99]


@pytest.mark.parametrize("large_first", [True, False])
async def test_a_row_larger_than_a_message_goes_out_in_pieces_that_make_it_whole(app, large_first):
    large = {"a": ['"\\', "🙂" * 1_000, "\x01"] * 600}
    small, huge = sorted([uuid4(), uuid4()], reverse=large_first)
    after = max(small, huge).int + 1
    rows = [
        {"note_id": small, "body": "s"},
        {"note_id": huge, "facts": large},
        {"note_id": UUID(int=after), "body": "z"},
    ]
    await add(app, notes, *rows)
    found = await pages(app)
    assert max(len(each.model_dump_json().encode()) for each in found) <= MAX_MESSAGE_BYTES
    assert sum(each.piece is not None for each in found) > 2
    exported = rows_of(found)["notes"]
    assert len(exported) == 3
    assert next(row for row in exported if row["note_id"] == str(huge))["facts"] == large


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_a_large_row_that_changes_while_it_goes_out_is_not_mixed(app, change):
    note_id = uuid4()
    await add(app, notes, {"note_id": note_id, "body": "x" * 2_000})
    first = await page(app, room=1_000)
    assert not first.ends_row
    async with entered(app) as transaction:
        await transaction.execute(update(notes).values(body="y" * 2_000) if change == "update" else notes.delete())
    with pytest.raises(ProblemError) as caught:
        await page(app, first.next_cursor, room=1_000)
    assert (caught.value.problem.type, caught.value.problem.retry_after) == ("unavailable", 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=400), max_size=15),
    st.integers(200, 2_000),
)
async def test_whatever_is_stored_goes_out_in_pages_of_any_size(app, bodies, room):
    async with entered(app) as transaction:
        await transaction.execute(notes.delete())
    stored = {uuid4(): body for body in bodies}
    if stored:
        await add(app, notes, *({"note_id": each, "body": body} for each, body in stored.items()))
    found = rows_of(await pages(app, room=room))["notes"]
    assert {UUID(row["note_id"]): row["body"] for row in found} == stored
    assert len(found) == len(stored)


@pytest.mark.parametrize(
    "forged",
    ["", "notes", "notes.AAAA", "nothing.WzAsICIiXQ==", "words.WzAsICIiLCAxXQ==", "seals.WzAsICIiLCAieiJd", "🙂.x"],
)
async def test_a_cursor_that_is_not_ours_is_refused(app, forged):
    with pytest.raises(CursorError):
        await page(app, forged, exports=(*EXPORTS, Export("seals", seals)))


async def test_rows_whose_key_is_bytes_are_paged_too(app):
    stored = [bytes([number, 255, 0]) for number in range(20)]
    await add(app, seals, *({"seal": seal} for seal in stored))
    found = await pages(app, exports=(Export("seals", seals),), room=100)
    assert len(found) > 3
    assert [base64.urlsafe_b64decode(row["seal"]) for row in rows_of(found)["seals"]] == stored


async def test_what_is_revealed_goes_out_in_place_of_what_is_stored(app):
    def reveal(owner, row):
        return row | {"seal": None, "body": f"{owner.user_id} wrote {row['seal'].decode()}", "created_at": "hidden"}

    await add(app, notes, {"note_id": uuid4(), "seal": b"a secret"})
    shown = (await page(app, exports=(Export("notes", notes, leave_out={"created_at"}, reveal=reveal),))).rows[0]
    assert shown["body"] == "ada wrote a secret"
    assert "created_at" not in shown
    assert "tenant_id" not in shown


async def test_a_users_rows_are_erased_and_counted_and_nobody_elses(app):
    note = uuid4()
    for owner in (ADA, EVE):
        await add(app, notes, {"note_id": note}, {"note_id": uuid4()}, owner=owner)
        await add(app, words, {"word": "a", "note_id": note}, {"word": "b", "note_id": note}, owner=owner)
    async with entered(app) as transaction:
        assert await erase_rows(transaction, ADA, (words, notes)) == {"words": 2, "notes": 2}
        assert await erase_rows(transaction, ADA, (words, notes)) == {"words": 0, "notes": 0}
    assert rows_of(await pages(app)) == {"notes": [], "words": []}
    assert {kind: len(rows) for kind, rows in rows_of(await pages(app, owner=EVE)).items()} == {"notes": 2, "words": 2}


async def test_what_was_created_after_a_past_erasure_stays(app):
    old, new = uuid4(), uuid4()
    erased_at = NOW
    await add(
        app, notes, {"note_id": old, "created_at": NOW}, {"note_id": new, "created_at": NOW + timedelta(seconds=1)}
    )
    async with entered(app) as transaction:
        assert await erase_rows(transaction, ADA, (words, notes), before=erased_at) == {"words": 0, "notes": 1}
    assert [row["note_id"] for row in rows_of(await pages(app))["notes"]] == [str(new)]
