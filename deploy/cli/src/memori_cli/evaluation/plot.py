"""The chart of an ablation: what each term of the score contributes to recall."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from memori_cli.evaluation import charts
from memori_cli.evaluation.ablation import ALONE, COMPARED_AT, FULL, Ablated, Variant
from memori_cli.evaluation.charts import GREY, INK, MARKS, short
from memori_cli.evaluation.report import Scope, points

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FULL, _LEFT_OUT, _ALONE = "#86aed4", "#c4d6e8", "#ecd5ae"
_GAP = 0.5


def write(rows: Sequence[Ablated], folder: Path, *, name: str, scope: Scope) -> list[Path]:
    """Draw recall@10 of each variant of the score and return the files; `name` is what the data are called.

    Raises:
        EvaluationError: a file cannot be written.
    """
    return charts.save(lambda: _figure(rows, name, scope), folder, title="recall_by_term", name=name)


def _figure(rows: Sequence[Ablated], name: str, scope: Scope) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415

    heights = _heights([row.variant for row in rows])
    figure = Figure(figsize=(9, 2.2 + 0.36 * (heights[-1] + 1)), layout="constrained")
    axes = figure.add_subplot()
    _bars(axes, rows, heights)
    categories = list(rows[0].categories)
    shown = "bars: all questions"
    if 1 < len(categories) <= len(MARKS):
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
        color=GREY,
    )
    questions = rows[0].overall.questions
    title = f"What each term of the score contributes to recall@{COMPARED_AT}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=INK)
    subtitle = (
        f"{short(name)}: {questions:,} questions about {scope.turns:,} turns of {scope.conversations:,} conversations"
    )
    axes.set_title(subtitle, loc="left", fontsize=10, color=GREY)
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
    axes.axvline(full, color=GREY, linewidth=0.9, linestyle="--", zorder=2)
    for row, share, y in zip(rows, shares, heights, strict=True):
        difference = "" if row.variant == FULL else f"  {points(row.difference)}"
        axes.text(102.5, y, f"{share:.1f} %{difference}", va="center", color=INK, clip_on=False)


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
        for category, (colour, shape) in zip(categories, MARKS, strict=False)
    ]


def _in_legend(row: Ablated, category: str) -> str:
    return f"{short(category)} ({row.categories[category].questions:,})"


def _axes(axes: "Axes", rows: Sequence[Ablated], heights: Sequence[float]) -> None:
    axes.set_yticks(heights, [row.variant.name for row in rows], color=INK)
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, 20), [f"{share} %" for share in range(0, 101, 20)], color=GREY)
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
