"""Memories of every script are stored, found by their words, and answered byte for byte."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.identity import Identity
from contracts.memory_store import RECALL, Recall
from memory_store.domain.analyzer import terms

LONGEST = 10_000
# What is stored, and a question that shares words with it and with none of the others.
SAID = {
    "chinese": ("华东地区的销售额按季度统计，不含退货", "季度销售额"),
    "japanese": ("東京支店の売上は税抜きで毎月報告する", "毎月の報告"),
    "japanese in half width": ("ｶｽﾀﾏｰ ﾏｽﾀ を使う", "カスタマー"),
    "korean": ("서울 지점의 매출은 매월 보고한다", "매월 보고"),
    "thai": ("ยอดขายรายเดือนไม่รวมภาษี", "รายเดือน"),
    "german": ("Größenordnung der Umsätze: Straße für Straße, nicht nach Œuvre", "umsätze STRASSE"),
    "french": ("L’été, les dépenses à l’étranger coûtent plus cher", "dépenses ÉTÉ"),
    "decomposed": ("Cafe\u0301 de la plage", "café"),
    "turkish": ("İstanbul'daki şubelerin cirosu", "şubelerin"),
    "greek": ("Οι πωλήσεις της Αθήνας", "πωλήσεις"),
    "cyrillic": ("Выручка по регионам без НДС", "выручка"),
    "hebrew": ("אני מעדיף דוחות חודשיים בשקלים", "דוחות"),
    "hebrew with points": ("הַמְּחִירִים כּוֹלְלִים מַע״מ", "הַמְּחִירִים"),
    "arabic": ("أفضّل التقارير الشهرية بالدرهم", "التقارير"),
    "both directions": ("total \u202eשלום\u202c and \u2067مرحبا\u2069 as they stand", "مرحبا"),
    "hindi": ("मासिक बिक्री रिपोर्ट पसंद है", "बिक्री"),
    "tamil": ("மாதாந்திர விற்பனை அறிக்கை", "விற்பனை"),
    "emoji": ("lunch is 🍕👩‍👩‍👧‍👦🏳️‍🌈 on Fridays", "🍕"),
    "flags and keycaps": ("🇩🇪 1️⃣ 👍🏽 zzyzx", "👍"),
    "identifiers": ('join "Sales".orderLines ol on ol.product_sku = p.sku_code', "product sku"),
    "camel case": ("invoiceLineItem.unitPriceCents holds cents", "unit_price_cents"),
    "sql": ("select count(*) from ledger_entries where posted_at >= '2024-01-01' -- ; drop table x", "ledger"),
    "markup": ('<script>alert("&amp;")</script> & {"quoted": "\\u0000"}', "quoted script"),
    "operators": ("?!? !== ≥≤ ±", "!=="),
    "control characters": ("tab\tbell\x07escape\x1b line\r\nparagraph\u2028end\ufeff", "paragraph"),
    "beyond the basic plane": ("𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠮷野家 qwertz", "𠮷野"),
}


@pytest.fixture
async def stored(store):
    """All of them, as memories of one user."""
    memories = await store.remember(*(content for content, _ in SAID.values()))
    return dict(zip(SAID, memories, strict=True))


async def test_each_is_answered_byte_for_byte(store, stored):
    for script, memory in stored.items():
        content = SAID[script][0]
        assert memory.content.encode() == content.encode(), script
        assert (await store.read(memory)).content.encode() == content.encode(), script
        assert (await store.versions(memory))[0].content.encode() == content.encode(), script
    listed = {memory.memory_id: memory.content for memory in await store.listed(limit=200)}
    assert listed == {memory.memory_id: SAID[script][0] for script, memory in stored.items()}


async def test_each_is_found_by_its_words(store, stored):
    for script, (content, question) in SAID.items():
        (hit,) = await store.found(question)
        assert (hit.memory_id, hit.content) == (stored[script].memory_id, content), script
        recalled = (await store.call(RECALL, Recall(question=question))).memories
        assert [memory.content for memory in recalled] == [content], script


async def test_each_is_changed_into_each(store, stored):
    scripts = list(stored)
    for script, following in zip(scripts, [*scripts[1:], scripts[0]], strict=True):
        content = SAID[following][0]
        changed = await store.update(stored[script], content=content, metadata={content: [content]})
        assert changed.content.encode() == content.encode()
        assert changed.metadata == {content: [content]}


@pytest.mark.parametrize("character", ["x", "é", "売", "😀", "\u202e", "\x01", '"', "\\"])
async def test_the_longest_content_comes_back(store, character):
    content = f"needle {character * (LONGEST - 14)} thimble"[:LONGEST]
    (memory,) = await store.remember(content)
    assert (await store.read(memory)).content == content
    (hit,) = await store.found("needle")
    assert hit.content == content
    changed = await store.update(memory, content=content[::-1])
    assert changed.content == content[::-1]


async def test_tags_metadata_and_attribution_are_of_any_script_too(store):
    names = tuple(sorted({question for _, question in SAID.values()}))
    (memory,) = await store.remember(
        "x y",
        context_tags=names,
        related_entities=names,
        metadata={name: {name: name} for name in names},
        process_id="売上🍕",
        session_id="مرحبا",
    )
    read = await store.read(memory)
    assert read == memory
    assert read.context_tags == read.related_entities == names
    for name in names:
        assert [found.memory_id for found in await store.listed(tags=(name,))] == [memory.memory_id]
    assert len(await store.found("x", process_id="売上🍕")) == 1


async def test_users_and_tenants_are_of_any_script_too(store):
    for name in ("Zoë 売上/🍕", "a'b\"c\\d", "%2F", " ", "x" * 255, "\u202eשלום"):
        identity = Identity(name, name)
        (memory,) = await store.remember("their own", identity=identity)
        assert (await store.read(memory, identity)).content == "their own"
        assert len(await store.found("own", identity)) == 1


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(content=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60))
async def test_whatever_the_text_it_comes_back_and_is_found_by_its_own_words(store, content):
    identity = Identity("acme", f"user of {content.encode().hex()[:200]}")
    (memory,) = await store.remember(content, identity=identity)
    assert (await store.read(memory, identity)).content.encode() == content.encode()
    found = await store.found(content, identity)
    # A text of white space alone has no words.
    assert [hit.memory_id for hit in found] == ([memory.memory_id] if terms(content) else [])
