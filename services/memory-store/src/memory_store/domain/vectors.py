"""Vectors as they travel (little-endian float32) and as they are kept (unit length, half precision)."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]


class VectorError(ValueError):
    """Bytes that are no vector one could compare."""


def unit_vector(data: bytes, dimensions: int | None = None) -> Floats:
    """The vector in `data`, scaled to length 1, so that its inner product with another one is their cosine.

    Raises:
        VectorError: it has other than `dimensions` numbers, some are not finite, or it has no direction.
    """
    if not data or len(data) % 4 or (dimensions is not None and len(data) != 4 * dimensions):
        expected = f"{dimensions} " if dimensions is not None else ""
        raise VectorError(f"must be {expected}float32 numbers, got {len(data)} bytes")
    vector = np.frombuffer(data, dtype="<f4").astype(np.float64)
    if not np.isfinite(vector).all():
        raise VectorError("must hold finite numbers only")
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        raise VectorError("must not be all zeros: it has no direction")
    return (vector / length).astype(np.float32)
