import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memory_store.repository.unpacking import best_pieces

pieces = st.lists(st.tuples(st.integers(1, 20), st.floats(-1, 1, width=32)), max_size=60)


@given(pieces)
def test_the_best_piece_speaks_for_a_memory(found):
    numbers, values = best_pieces(
        np.array([number for number, _ in found], dtype=np.int64), np.array([value for _, value in found], dtype=float)
    )
    expected = {number: max(value for other, value in found if other == number) for number, _ in found}
    assert dict(zip(numbers.tolist(), values.tolist(), strict=True)) == expected
    assert numbers.tolist() == sorted(expected)
