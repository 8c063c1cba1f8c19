"""The chart of the learning: accuracy on other questions, by the pairs taught."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memori_cli.evaluation import charts
from memori_cli.evaluation.charts import GREY, INK, MARKS, short
from memori_cli.evaluation.text2sql.measures import Taught

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(learning: Sequence[Taught], folder: Path, *, name: str) -> list[Path]:
    """Draw the learning curve and return the files; `name` is what the data are called.

    Raises:
        EvaluationError: a file cannot be written.
    """
    return charts.save(lambda: _figure(learning, name), folder, title="sql_learning", name=name)


def _figure(learning: Sequence[Taught], name: str) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    # The steps grow as their numbers do: one apart each, so that 1 and 2 stay readable beside 50.
    steps = range(len(learning))
    lines = {
        "right, of all": [taught.accuracy.right for taught in learning],
        "answered, of all": [taught.accuracy.answered for taught in learning],
        "right, of the answered": [taught.accuracy.precision for taught in learning],
        "whose SQL was taught with another question": [taught.same_sql for taught in learning],
    }
    for (label, shares), (colour, shape) in zip(lines.items(), MARKS, strict=False):
        axes.plot(steps, [100 * share for share in shares], color=colour, marker=shape, label=label)
    for step, share in enumerate(lines["right, of all"]):
        axes.annotate(f"{100 * share:.1f}", (step, 100 * share), (0, -16), textcoords="offset points", ha="center")
    axes.set_xticks(steps, [str(taught.pairs) for taught in learning])
    axes.set_xlabel("verified pairs of question and SQL taught of each database", color=GREY)
    axes.set_ylim(0, 102)
    axes.set_yticks(range(0, 101, 20), [f"{share} %" for share in range(0, 101, 20)], color=GREY)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle("Questions answered, the more is taught", x=0.01, ha="left", fontsize=13, color=INK)
    subtitle = f"{short(name)}: the same {learning[0].accuracy.questions:,} other questions at each step"
    axes.set_title(subtitle, loc="left", fontsize=10, color=GREY)
    return figure
