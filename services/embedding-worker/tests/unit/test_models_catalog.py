import subprocess
import sys

import pytest

from embedding_worker.models.catalog import create_model


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


def test_the_package_loads_no_provider_that_is_not_chosen():
    program = (
        "import sys, embedding_worker.models.catalog; print(*sorted({'openai', 'onnxruntime'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"
