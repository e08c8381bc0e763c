"""What the bench writes: goals that are met or not, tables, pictures, and a document that can be written again."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.side_by_side import report
from bench.side_by_side.__main__ import main
from bench.side_by_side.figures import Section, rounds
from bench.timing import Timing
from tests.house.tree import REPOSITORY


def section() -> Section:
    made = Section("append", "Append & <more>", "Nothing is unequal.")
    for name, rate in (("Interlock", 300), ("other", 100)):
        for each in (rate, rate * 2, rate * 3):
            made.of(name).add(Timing([0.001 * one for one in range(1, each + 1)], 1.0))
    return made


def test_the_median_of_the_rounds_is_compared() -> None:
    made = section()
    assert made.of("Interlock").value == 600
    assert made.of("Interlock").spread == (300, 900)
    made.ratio("Interlock", "other", 3)
    made.ratio("Interlock", "other", 3.1)
    made.at_most("p99", 20, 15, "ms")
    made.ratio("Interlock", "absent", 1)
    assert [goal.met for goal in made.goals] == [True, False, False]


def test_contenders_take_turns() -> None:
    order: list[str] = []
    rounds(2, [lambda turn: order.append(f"a{turn}"), lambda turn: order.append(f"b{turn}")])
    assert order == ["a0", "b0", "a1", "b1"]


def test_a_picture_is_well_formed_and_has_a_bar_for_each() -> None:
    root = ET.fromstring(report.picture(section()))
    bars = [float(each.attrib["width"]) for each in root.iter() if each.tag.endswith("rect")]
    assert bars == [report.BARS_WIDTH, pytest.approx(report.BARS_WIDTH / 3, abs=0.1)]


def test_figures_are_written_between_their_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    original = (REPOSITORY / "docs" / "BENCHMARKS.md").read_text(encoding="utf-8")
    document = tmp_path / "BENCHMARKS.md"
    document.write_text(original, encoding="utf-8")
    made = section()
    made.ratio("Interlock", "other", 4)
    for _ in range(2):
        report.write(document, tmp_path / "benchmarks", "Somewhere.", [made])
    text = document.read_text(encoding="utf-8")
    assert text.partition(report.BEGIN)[0] == original.partition(report.BEGIN)[0]
    assert text.partition(report.END)[2] == original.partition(report.END)[2]
    assert "| Interlock / other | ≥ 4 × | 3.00 × ✗ not reached |" in text
    assert (tmp_path / "benchmarks" / "append.svg").exists()


@pytest.mark.parametrize("options", [["--only", "nothing"], ["--only", "append", "--write"]])
def test_wrong_options_are_refused_before_anything_is_started(options: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(options)
    assert refused.value.code == 2
