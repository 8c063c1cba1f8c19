"""The ONNX graph of a set of weights, built once into a cache folder and found there ever after."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from embedding_worker.models.weights import EncoderConfig, EncoderFiles

GRAPH_VERSION = 1
"""Part of the folder's name: raise it with every change of `onnx_graph`."""
_GRAPH = "model.onnx"


def default_cache_dir() -> Path:
    """`memori/models` under the platform's user cache; XDG_CACHE_HOME wins where it is set."""
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        base = Path(xdg)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ["LOCALAPPDATA"])
    else:
        base = Path.home() / ".cache"
    return base / "memori" / "models"


def cached_graph(files: EncoderFiles, sha256: str, config: EncoderConfig, cache_dir: Path) -> Path:
    """The path of the graph for the weights of hash `sha256`, built (a second) where the cache lacks it.

    Raises ValueError where packaged weights fail their checksum, OSError where the cache cannot be written.
    """
    folder = cache_dir / f"{sha256[:16]}-v{GRAPH_VERSION}"
    if not (folder / _GRAPH).is_file():
        _build(files, config, folder)
    return folder / _GRAPH


def discard(graph: Path) -> None:
    """Remove a cached graph that does not load; the next `cached_graph` builds it again."""
    shutil.rmtree(graph.parent, ignore_errors=True)


def _build(files: EncoderFiles, config: EncoderConfig, folder: Path) -> None:
    # Only to build: a worker whose cache is warm loads neither library (14 MB).
    from safetensors.numpy import load_file  # noqa: PLC0415

    from embedding_worker.models.onnx_graph import write_graph  # noqa: PLC0415

    files.verify()
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        write_graph(load_file(files.weights), config, building / _GRAPH)
        # Written for this user alone, a cache built into an image would be hidden from the user it runs as.
        building.chmod(0o755)
        for file in building.iterdir():
            file.chmod(0o644)
        if folder.is_dir() and not (folder / _GRAPH).is_file():  # a folder appears whole, so this one was damaged
            shutil.rmtree(folder)
        try:
            building.rename(folder)
        except OSError:
            if not (folder / _GRAPH).is_file():  # where another process was faster, its folder stays
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
