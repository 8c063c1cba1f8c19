"""How charts are drawn and kept, as SVG and PNG. The same findings give the same bytes: charts can be committed."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from memori_cli.evaluation.options import EvaluationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, GREY = "#222222", "#666666"
# Okabe and Ito's colours, told apart by the colour-blind too, and by shape in print.
MARKS = (
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "D"),
    ("#000000", "v"),
    ("#e69f00", "P"),
    ("#56b4e9", "X"),
    ("#8a6d00", "*"),
)
_SETTINGS = {
    "svg.hashsalt": "memori",
    # Text stays text: it can be read, searched and compared in a diff.
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    # Labels come from the data, and $ is no formula there.
    "text.parse_math": False,
}
_MAX_LABEL_CHARS = 32


def prepare(folder: Path) -> None:
    """Make the folder; said before an evaluation that takes long.

    Raises:
        EvaluationError: nothing can be drawn or written there.
    """
    if find_spec("matplotlib") is None:
        raise EvaluationError("charts need matplotlib: install memori[eval]")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{folder}: {error.strerror}") from error


def save(draw: Callable[[], "Figure"], folder: Path, *, title: str, name: str) -> list[Path]:
    """Draw and return the files; `title` says what is shown and `name` what the data are called.

    Raises:
        EvaluationError: a file cannot be written.
    """
    stem = f"{title}_" + re.sub(r"[^\w-]+", "_", name)
    written = {kind: folder / f"{stem}.{kind}" for kind in ("svg", "png")}
    # Neither a date nor the version of matplotlib: a chart changes only when what it shows does.
    metadata: dict[str, dict[str, str | None]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with _settings():
        figure = draw()
        try:
            for kind, path in written.items():
                figure.savefig(path, format=kind, metadata=metadata[kind], dpi=150)
        except OSError as error:
            raise EvaluationError(f"{error.filename}: {error.strerror}") from error
    return list(written.values())


def short(label: str) -> str:
    """A label of the data's that fits a chart."""
    # Control characters have no place in XML.
    printable = "".join(character if character.isprintable() else " " for character in label)
    return printable if len(printable) <= _MAX_LABEL_CHARS else f"{printable[: _MAX_LABEL_CHARS - 1]}…"


@contextmanager
def _settings() -> Iterator[None]:
    # Imported here: it takes a second, and `memori` can do without.
    import matplotlib.style  # noqa: PLC0415

    # Whatever a matplotlibrc on this machine says.
    with matplotlib.style.context(["default", _SETTINGS], after_reset=True):
        yield
