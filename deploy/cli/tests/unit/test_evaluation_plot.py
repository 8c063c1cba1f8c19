"""The chart of recall by term: well-formed, labelled, and the same bytes for the same findings."""

from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from memori_cli.evaluation import charts, plot
from memori_cli.evaluation.ablation import ALONE, FULL, LEFT_OUT, ablated
from memori_cli.evaluation.metrics import Answer
from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.report import Scope

SCOPE = Scope(
    conversations=3,
    users=3,
    turns=1_234,
    skipped_turns=0,
    unread_times=0,
    unknown_evidence=0,
    skipped_questions=0,
    searchable_seconds=1,
)
CATEGORIES = ("_temporal", "price in $ & <€>", "a\x01b")


def rows(categories=CATEGORIES):
    def answers(share):
        return [
            Answer("file", category, frozenset("a"), ("a",) if number < share else (), seconds=0.1, degraded=False)
            for category in categories
            for number in range(10)
        ]

    return ablated({FULL: answers(8), **{variant: answers(i) for i, variant in enumerate((*LEFT_OUT, *ALONE))}})


def texts(path):
    return {"".join(text.itertext()) for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")}


def test_the_svg_is_well_formed_and_says_what_it_shows(tmp_path):
    svg, png = plot.write(rows(), tmp_path, name="dialogues", scope=SCOPE)
    assert (svg.name, png.name) == ("recall_by_term_dialogues.svg", "recall_by_term_dialogues.png")
    shown = texts(svg)
    assert "What each term of the score contributes to recall@10" in shown
    assert "dialogues: 30 questions about 1,234 turns of 3 conversations" in shown
    assert {variant.name for variant in (FULL, *LEFT_OUT, *ALONE)} <= shown
    assert {"_temporal (10)", "price in $ & <€> (10)", "a b (10)"} <= shown
    assert {"80.0 %", "0.0 %  −80.0", "70.0 %  −10.0"} <= shown
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_same_findings_give_the_same_bytes_whatever_the_settings_of_the_machine(tmp_path):
    first = plot.write(rows(), tmp_path, name="first", scope=SCOPE)
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        second = plot.write(rows(), tmp_path, name="second", scope=SCOPE)
    third = plot.write(rows(), tmp_path, name="first", scope=SCOPE)
    assert first == third
    same = [path.read_bytes().replace(b"second", b"first") for path in (second[0], third[0])]
    assert same[0] == same[1]
    assert b"dc:date" not in same[0]
    assert b"Date" not in first[1].read_bytes()


def test_the_bytes_do_not_change_from_one_time_to_the_next(tmp_path):
    written = [[p.read_bytes() for p in plot.write(rows(), tmp_path, name="x", scope=SCOPE)] for _ in range(2)]
    assert written[0] == written[1]


@pytest.mark.parametrize("count", [1, 12])
def test_one_category_or_too_many_to_tell_apart_are_not_marked(tmp_path, count):
    names = [f"category {number}" for number in range(count)]
    svg, _ = plot.write(rows(names), tmp_path, name="x", scope=SCOPE)
    assert not any("category 0" in text for text in texts(svg))


def test_the_name_of_the_data_cannot_lead_out_of_the_folder(tmp_path):
    written = plot.write(rows(), tmp_path, name="../a b/c", scope=SCOPE)
    assert {path.parent for path in written} == {tmp_path}


def test_the_folder_is_made_and_a_folder_that_cannot_be_is_said_so(tmp_path):
    charts.prepare(tmp_path / "new" / "plots")
    assert (tmp_path / "new" / "plots").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(EvaluationError, match="file"):
        charts.prepare(tmp_path / "file" / "plots")


def test_a_chart_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(EvaluationError, match="No such file"):
        plot.write(rows(), Path(tmp_path / "absent"), name="x", scope=SCOPE)
