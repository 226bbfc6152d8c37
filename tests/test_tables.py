"""What a notebook shows of a Check, Results, a summary, a Profile, a History: well-formed HTML, with the numbers of the text, in which no name is a tag."""

import math
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.maps.tables import COLOURS, html

BAD = '<b>"x" & y</b>'


class Table(HTMLParser):
    """A table's rows of cells, as they are read; each tag that is opened must be closed."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.rows, self.tags, self.below = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.opened.append(tag)
        if tag == "tr":
            assert self.opened == ["table", "tr"]
            self.rows.append([])
        elif tag in ("td", "th"):
            assert self.opened[:-1] == ["table", "tr"]
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        if "p" in self.opened:
            self.below += data
        elif self.opened[2:]:
            self.rows[-1][-1] += data
        else:
            assert data.strip() == ""  # no text outside of cells


def numbers(text):
    return re.findall(r"\d[\d.]*(?:e[+-]\d+)?|inf|nan", text)


def network():
    fields = dnn.GradientField.random(3, 4, rng=0), dnn.MassPreservingField.random(3, 4, rng=1)
    return dnn.Network(dnn.Lift(3, 2), *(dnn.Flow(X, 0.1) for X in fields), dnn.Affine(2, 3, rng=0))


def named(name, **numbers):
    return checks.Check(name, **{"measured": 0.25, "limit": 1.0, "detail": BAD} | numbers)


@pytest.fixture(scope="module")
def results():
    """One of each verdict."""

    def to_do():
        raise NotImplementedError(f"Task 3: {BAD}")

    def wrong():
        check = named("wrong", measured=3.5)
        check.line = f"return {BAD}"
        return check

    def unsure():
        check = named("unsure")
        check.blind = True
        return check

    return checks.run(
        [
            checks.Question(f"1.1 {BAD}", lambda: named("right")),
            checks.Question("2.1 wrong", wrong, points=2.5),
            checks.Question("2.2 waits", to_do, after="2.1"),
            checks.Question("3.1 to do", to_do),
            checks.Question("3.2 unsure", unsure),
        ]
    )


def test_a_check_shows_name_verdict_and_numbers_and_below_them_what_is_known():
    check = named(BAD, measured=1.26e-17)
    table = Table(check._repr_html_())
    assert table.rows == [
        ["check", "verdict", "measured", "limit"],
        [BAD, "passed", "1.26e-17", "1.00e+00"],
        [BAD],
    ]
    assert numbers(str(check)) == numbers(" ".join(table.rows[1]))
    assert Table(checks.Check("a", 2.0, 1.0)._repr_html_()).rows[1:] == [["a", "FAILED", "2.00e+00", "1.00e+00"]]  # fmt: skip


def test_a_check_shows_the_line_of_the_answer():
    check = named("a", measured=math.inf)
    check.line = "return x < y"
    table = Table(check._repr_html_())
    assert table.rows[1:] == [["a", "FAILED", "inf", "1.00e+00"], [f"{BAD}\nreturn x < y"]]
    assert "code" in table.tags
    check.detail = ""
    assert Table(check._repr_html_()).rows[2:] == [["return x < y"]]


def test_results_show_a_row_a_question_and_the_diagnosis_below_it(results):
    table = Table(results._repr_html_())
    assert table.rows == [
        ["question", "verdict", "measured", "limit", "points"],
        [f"1.1 {BAD}", "passed", "2.5e-01", "1.0e+00", "1"],
        ["2.1 wrong", "FAILED", "3.5e+00", "1.0e+00", "2.5"],
        [f"{BAD}\nreturn {BAD}"],
        ["2.2 waits", "waits", "", "", "1"],
        ["after 2.1"],
        ["3.1 to do", "to do", "", "", "1"],
        [f"Task 3: {BAD}"],
        ["3.2 unsure", "unsure", "2.5e-01", "1.0e+00", "1"],
        [BAD],
    ]
    assert table.below == results.end == "1 of 5 right, 1 of 6.5 points; next: task 2"


def test_what_was_found_is_shown_and_not_how_it_was_measured():
    check = named("a", measured=2.0, detail="in x, Jv from differences")
    check.finds("the sign is wrong")
    for shown in (check, checks.run([checks.Question("1.1 a", lambda: check)])):
        assert Table(shown._repr_html_()).rows[2] == ["the sign is wrong"]


def test_points_are_shown_where_they_differ_from_one():
    def shown(points):
        question = checks.Question("1.1 a", lambda: named("a"), points=points)
        return Table(checks.run([question])._repr_html_()).rows[0]

    assert "points" not in shown(1) and "points" in shown(2) and "points" in shown(0)


def test_results_show_the_numbers_of_the_text(results):
    rows = [row for row in Table(results._repr_html_()).rows[1:] if len(row) > 1]
    for result, row in zip(results, rows, strict=True):
        text = str(result).splitlines()[0]
        assert re.findall(r"\d\.\de[+-]\d\d", text) == [cell for cell in row[2:4] if cell]


def test_a_summary_a_profile_and_a_history_show_the_cells_of_the_text():
    net = network()
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = (x[:, 0] > 0).astype(int)
    history = dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, epochs=30, validation=(x, y), rng=0)
    for shown in (net.summary(), dnn.lipschitz.profile(net, x, steps=2)):
        rows = Table(shown._repr_html_()).rows
        lines = str(shown).splitlines()
        assert len(rows) == len(lines) and len({len(row) for row in rows}) == 1
        for row, line in zip(rows, lines, strict=True):
            assert [cell for cell in row if cell] == re.split(" {2,}", line.strip())
    [head, *rows] = Table(history._repr_html_()).rows
    assert head == ["epoch", "loss", "validation", "seconds"] and len(rows) == 12
    assert [rows[0][0], rows[-1][0]] == ["1", "30"]
    for k, *shown in rows:
        for text, column in zip(shown, (history.loss, history.validation, history.seconds), strict=True):  # fmt: skip
            assert text == f"{column[int(k) - 1]:.4g}"
    said = re.search("loss (.*) → (.*), validation (.*)", str(history)).groups()
    ends = rows[0][1], rows[-1][1], rows[-1][2]
    assert [f"{float(text):.3g}" for text in ends] == [f"{float(text):.3g}" for text in said]


def test_a_history_of_few_epochs_shows_each_and_of_none_its_words():
    history = dnn.training.History()
    assert history._repr_html_() == str(history) == "no epoch finished"
    history.loss, history.seconds = [3.0, 2.0, 1.0], [0.1, 0.2, 0.3]
    rows = Table(history._repr_html_()).rows
    assert rows[0] == ["epoch", "loss", "seconds"] and [row[0] for row in rows[1:]] == ["1", "2", "3"]  # fmt: skip


def test_the_first_row_is_the_head():
    assert Table(html([("a", "b"), ("c", "d")])).tags == [
        "table",
        "tr",
        "th",
        "th",
        "tr",
        "td",
        "td",
    ]


def test_no_name_becomes_a_tag(results):
    class Odd(dnn.Flow):
        formula = BAD

    net = dnn.Network(Odd(dnn.GradientField.random(2, 3, rng=0), 0.1))
    ours = {"table", "tr", "th", "td", "b", "code", "p"}
    shown = [named(BAD), results, net.summary(), dnn.lipschitz.profile(net, steps=2)]
    for table in map(Table, (thing._repr_html_() for thing in shown)):
        assert {*table.tags} <= ours and BAD in "".join(map("".join, table.rows))
        verdicts = sum(cell in COLOURS for row in table.rows for cell in row)
        assert table.tags.count("b") == verdicts  # the only bold words


def test_a_note_is_as_wide_as_the_table(results):
    text = results._repr_html_()
    assert text.count('colspan="5"') == 4 and html([("a",), ("b",)]).count("colspan") == 0


def test_a_number_is_in_one_piece_and_words_are_not():
    rows = html([("a", "b"), ("1.00e-12", "two words")], [("a long note", "")]).splitlines()
    assert re.findall("white-space: ([a-z-]+)", rows[2]) == ["pre", "pre-wrap"]
    assert "white-space: pre-wrap; overflow-wrap: anywhere" in rows[3]


def test_verdicts_are_read_on_white_pages_and_on_black_ones():
    """White words on their own colour, of contrast 4.5 : 1 at least (WCAG 2.2, AA)."""

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for verdict, colour in COLOURS.items():
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, verdict
        assert f"background: {colour}; color: #fff" in html([("a",), (verdict,)])


def test_in_a_notebook_a_run_shows_its_table_once_a_cell(monkeypatch, capsys):
    shell, shown = types.SimpleNamespace(execution_count=1), []
    display = types.SimpleNamespace(display=lambda formats, raw: shown.append(formats))
    kernel = types.SimpleNamespace(get_ipython=lambda: shell, display=display)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    results = checks.run([checks.Question("1.1 a", lambda: named("a", measured=2.0))])
    results._ipython_display_()  # as the last line of the same cell
    assert results.exit() is None and capsys.readouterr().out == "" and len(shown) == 1
    assert shown[0]["text/plain"] == str(results) and "0 of 1 right" in str(results)
    assert Table(shown[0]["text/html"]).rows[1][:2] == ["1.1 a", "FAILED"]
    shell.execution_count = 2
    results._ipython_display_()
    assert len(shown) == 2
    kernel.get_ipython = lambda: type("TerminalInteractiveShell", (), {})()
    checks.run([checks.Question("1.1 a", lambda: named("a", measured=2.0))])
    assert "0 of 1 right" in capsys.readouterr().out and len(shown) == 2
