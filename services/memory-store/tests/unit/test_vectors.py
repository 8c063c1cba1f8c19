import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from memory_store.domain.vectors import VectorError, unit_vector

numbers = hnp.arrays(
    np.float32, st.integers(1, 50), elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
)


@given(numbers.filter(lambda vector: np.linalg.norm(vector.astype(float)) > 0))
def test_a_vector_keeps_its_direction_and_gets_length_one(vector):
    unit = unit_vector(vector.astype("<f4").tobytes(), len(vector))
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-5)
    exact = vector.astype(float) / np.linalg.norm(vector.astype(float))
    assert unit == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "dimensions", "why"),
    [
        (b"", None, "0 bytes"),
        (b"\x00" * 7, None, "7 bytes"),
        (np.ones(3, "<f4").tobytes(), 4, "must be 4 float32 numbers, got 12 bytes"),
        (np.array([1, np.nan], "<f4").tobytes(), 2, "finite"),
        (np.array([1, np.inf], "<f4").tobytes(), None, "finite"),
        (np.zeros(4, "<f4").tobytes(), 4, "zeros"),
    ],
)
def test_what_cannot_be_compared_is_refused(data, dimensions, why):
    with pytest.raises(VectorError, match=why):
        unit_vector(data, dimensions)
