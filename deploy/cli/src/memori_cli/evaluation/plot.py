"""Charts of an evaluation, as SVG and PNG; the same findings give the same bytes, so that they can be committed."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from memori_cli.evaluation.ablation import ALONE, COMPARED_AT, FULL, Ablated, Variant
from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.report import Scope, points

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SETTINGS = {
    "svg.hashsalt": "memori",
    # Text stays text: it can be read, searched and compared in a diff.
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    # Categories come from the data, and $ is no formula there.
    "text.parse_math": False,
}
_FULL, _LEFT_OUT, _ALONE, _INK, _GREY = "#86aed4", "#c4d6e8", "#ecd5ae", "#222222", "#666666"
# Okabe and Ito's colours, told apart by the colour-blind too, and by shape in print.
_MARKS = (
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "D"),
    ("#000000", "v"),
    ("#e69f00", "P"),
    ("#56b4e9", "X"),
    ("#8a6d00", "*"),
)
_MAX_LABEL_CHARS = 32
_GAP = 0.5


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


def write(rows: Sequence[Ablated], folder: Path, *, name: str, scope: Scope) -> list[Path]:
    """Draw recall@10 of each variant of the score and return the files; `name` is what the data are called.

    Raises:
        EvaluationError: a file cannot be written.
    """
    stem = "recall_by_term_" + re.sub(r"[^\w-]+", "_", name)
    written = {kind: folder / f"{stem}.{kind}" for kind in ("svg", "png")}
    # Neither a date nor the version of matplotlib: a chart changes only when what it shows does.
    metadata: dict[str, dict[str, str | None]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with _settings():
        figure = _figure(rows, name, scope)
        try:
            for kind, path in written.items():
                figure.savefig(path, format=kind, metadata=metadata[kind], dpi=150)
        except OSError as error:
            raise EvaluationError(f"{error.filename}: {error.strerror}") from error
    return list(written.values())


@contextmanager
def _settings() -> Iterator[None]:
    # Imported here: it takes a second, and `memori` can do without.
    import matplotlib.style  # noqa: PLC0415

    # Whatever a matplotlibrc on this machine says.
    with matplotlib.style.context(["default", _SETTINGS], after_reset=True):
        yield


def _figure(rows: Sequence[Ablated], name: str, scope: Scope) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415

    heights = _heights([row.variant for row in rows])
    figure = Figure(figsize=(9, 2.2 + 0.36 * (heights[-1] + 1)), layout="constrained")
    axes = figure.add_subplot()
    _bars(axes, rows, heights)
    categories = list(rows[0].categories)
    shown = "bars: all questions"
    if 1 < len(categories) <= len(_MARKS):
        marks = _categories(axes, rows, heights, categories)
        # Given one by one: matplotlib leaves out of its own list what begins with an underscore.
        figure.legend(
            marks,
            [_in_legend(rows[0], category) for category in categories],
            loc="outside lower center",
            ncols=min(3, len(categories)),
            frameon=False,
        )
        shown += ", marks: by category"
    _axes(axes, rows, heights)
    axes.set_xlabel(
        f"share of the evidence among the first {COMPARED_AT} hits ({shown});\n"
        "at the right its difference to the full score in percentage points",
        color=_GREY,
    )
    questions = rows[0].overall.questions
    title = f"What each term of the score contributes to recall@{COMPARED_AT}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    subtitle = (
        f"{_short(name)}: {questions:,} questions about {scope.turns:,} turns of {scope.conversations:,} conversations"
    )
    axes.set_title(subtitle, loc="left", fontsize=10, color=_GREY)
    return figure


def _heights(variants: Sequence[Variant]) -> list[float]:
    """Where the rows lie, from the top: the full score, terms left out and terms alone are set apart."""
    heights, y = [0.0], 0.0
    for before, after in pairwise(variants):
        y += 1 if _colour(before) == _colour(after) else 1 + _GAP
        heights.append(y)
    return heights


def _bars(axes: "Axes", rows: Sequence[Ablated], heights: Sequence[float]) -> None:
    shares = [_percent(row.overall.recall[COMPARED_AT]) for row in rows]
    axes.barh(heights, shares, height=0.7, color=[_colour(row.variant) for row in rows], zorder=1)
    full = next(share for row, share in zip(rows, shares, strict=True) if row.variant == FULL)
    axes.axvline(full, color=_GREY, linewidth=0.9, linestyle="--", zorder=2)
    for row, share, y in zip(rows, shares, heights, strict=True):
        difference = "" if row.variant == FULL else f"  {points(row.difference)}"
        axes.text(102.5, y, f"{share:.1f} %{difference}", va="center", color=_INK, clip_on=False)


def _categories(
    axes: "Axes", rows: Sequence[Ablated], heights: Sequence[float], categories: Sequence[str]
) -> list["Artist"]:
    return [
        axes.scatter(
            [_percent(row.categories[category].recall[COMPARED_AT]) for row in rows],
            heights,
            s=30,
            color=colour,
            marker=shape,
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
            clip_on=False,
        )
        for category, (colour, shape) in zip(categories, _MARKS, strict=False)
    ]


def _in_legend(row: Ablated, category: str) -> str:
    return f"{_short(category)} ({row.categories[category].questions:,})"


def _axes(axes: "Axes", rows: Sequence[Ablated], heights: Sequence[float]) -> None:
    axes.set_yticks(heights, [row.variant.name for row in rows], color=_INK)
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, 20), [f"{share} %" for share in range(0, 101, 20)], color=_GREY)
    axes.tick_params(length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _colour(variant: Variant) -> str:
    if variant == FULL:
        return _FULL
    return _ALONE if variant in ALONE else _LEFT_OUT


def _percent(share: float) -> float:
    return 100 * share


def _short(label: str) -> str:
    # Control characters have no place in XML.
    printable = "".join(character if character.isprintable() else " " for character in label)
    return printable if len(printable) <= _MAX_LABEL_CHARS else f"{printable[: _MAX_LABEL_CHARS - 1]}…"
