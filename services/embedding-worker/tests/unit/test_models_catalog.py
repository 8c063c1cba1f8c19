import subprocess
import sys

import pytest

from embedding_worker.models.catalog import MINILM_MIN_SIMILARITY, create_model, recreate_model


@pytest.mark.parametrize(
    ("settings", "name", "dimensions", "threshold"),
    [
        ({}, "text-embedding-ada-002", 1536, 0.70),
        ({"model": "text-embedding-3-small"}, "text-embedding-3-small", 1536, 0.25),
        ({"model": "text-embedding-3-large", "dimensions": 3072}, "text-embedding-3-large", 3072, 0.25),
        ({"model": "nomic-embed-text", "dimensions": 768}, "nomic-embed-text", 768, 0.25),
        ({"min_similarity": 0.0}, "text-embedding-ada-002", 1536, 0.0),
    ],
)
async def test_a_remote_model_knows_its_name_dimensions_and_threshold(settings, name, dimensions, threshold):
    model = create_model("openai", api_key="secret", **settings)

    assert (model.name, model.dimensions, model.default_min_similarity) == (name, dimensions, threshold)
    await model.close()


async def test_a_shortened_vector_has_a_name_of_its_own():
    model = create_model("openai", api_key="secret", model="text-embedding-3-small", dimensions=512)

    assert (model.name, model.dimensions) == ("text-embedding-3-small-512", 512)
    await model.close()


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"api_key": None}, "OPENAI_API_KEY"),
        ({"model": "unheard-of"}, "MEMORI_EMBEDDING_DIMENSIONS"),
        ({"dimensions": 512}, "MEMORI_EMBEDDING_DIMENSIONS"),
        ({"model": "text-embedding-3-small", "dimensions": 3072}, "MEMORI_EMBEDDING_DIMENSIONS"),
    ],
)
def test_contradicting_settings_are_refused_by_name(settings, setting):
    with pytest.raises(ValueError, match=setting):
        create_model("openai", **{"api_key": "secret"} | settings)


@pytest.mark.parametrize(
    ("name", "dimensions", "asked_for"),
    [
        ("text-embedding-ada-002", 1536, "text-embedding-ada-002"),
        ("text-embedding-3-small-512", 512, "text-embedding-3-small"),
        ("nomic-embed-text", 768, "nomic-embed-text"),
    ],
)
async def test_a_remote_model_is_made_again_from_its_vectors_name(name, dimensions, asked_for):
    model = recreate_model(name, dimensions, api_key="secret")

    assert (model.name, model.dimensions, model._model) == (name, dimensions, asked_for)
    await model.close()


@pytest.mark.parametrize(
    ("name", "dimensions", "key"),
    [
        ("text-embedding-ada-002", 1536, None),
        ("text-embedding-ada-002", 512, "secret"),
        ("text-embedding-3-small", 512, "secret"),
    ],
)
def test_a_model_that_these_settings_cannot_make_is_none(name, dimensions, key):
    assert recreate_model(name, dimensions, api_key=key) is None


async def test_the_local_model_is_made_again_whatever_the_settings(tmp_path_factory):
    cache = tmp_path_factory.mktemp("models")
    model = recreate_model("all-MiniLM-L6-v2", 384, model_dir=cache / "missing", cache_dir=cache, api_key="secret")

    assert (model.name, model.default_min_similarity) == ("all-MiniLM-L6-v2", MINILM_MIN_SIMILARITY)
    await model.close()


def test_the_package_loads_no_provider_that_is_not_chosen():
    program = (
        "import sys, embedding_worker.models.catalog; print(*sorted({'openai', 'onnxruntime'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"
