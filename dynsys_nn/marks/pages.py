"""The marks as a table, and as pages that need no script and nothing beside them."""

import collections
import csv
import html
import io
import math
import re
from urllib.parse import quote

from . import fences
from .course import write as write_text

SIGNS = {"passed": "✓", "FAILED": "✗", "unsure": "?", "to do": "–", "waits": "…"}
STYLE = """
:root { color-scheme: light dark; --ink: #111; --paper: #fff; --grey: #eee; --right: #cfe8fa;
  --wrong: #f7c9a0; --unsure: #eee5b0; --link: #0645ad }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --grey: #2c2c2c;
  --right: #17425e; --wrong: #7a3c08; --unsure: #57500f; --link: #8cc4ff } }
body { font: 16px/1.45 system-ui, sans-serif; margin: 1em auto; max-width: 60em; padding: 0 .7em;
  color: var(--ink); background: var(--paper) }
a { color: var(--link) }
h1 { font-size: 1.4em } h2 { font-size: 1.15em; margin-top: 1.8em }
.wide { overflow-x: auto }
table { border-collapse: collapse }
th, td { border: 1px solid #999; padding: .25em .5em; text-align: center; white-space: nowrap }
th:first-child { position: sticky; left: 0; background: var(--paper); text-align: left;
  max-width: 14em; overflow: hidden; text-overflow: ellipsis }
.passed { background: var(--right) } .FAILED { background: var(--wrong); font-weight: bold }
.unsure { background: var(--unsure) } .todo, .waits { background: var(--grey) }
pre { font: 14px/1.35 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--grey); padding: .4em .6em; margin: .3em 0 }
p, li, h1 { overflow-wrap: anywhere } li { margin: .5em 0 }
.loud { border: 3px solid #b30; padding: .5em .8em }
@media (max-width: 34em) { td .word { display: none } th, td { padding: .25em .3em }
  th:first-child { max-width: 7em } }
"""


def write(out, sheet, rows, remark, bubblewrap):
    """marks.csv, marks.html, and feedback/STUDENT.html for each row."""
    write_text(out / "marks.csv", table(sheet, rows))
    write_text(out / "marks.html", overview(sheet, rows, remark, bubblewrap))
    for row in rows:
        write_text(out / "feedback" / f"{row['student']}.html", feedback(sheet, row))


def table(sheet, rows):
    """A row a student, a column a question with its points, and the total."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["student", *(q.name for q in sheet.questions), "total"])
    for row in rows:
        points = [q["points"] for q in row["questions"]]
        student = row["student"]
        if student[0] in "=+-@\t":  # a spreadsheet would calculate it
            student = f"'{student}"
        lines.writerow([student, *(f"{p:g}" for p in points), f"{sum(points):g}"])
    return text.getvalue()


def overview(sheet, rows, remark, bubblewrap):
    """The class at a glance: students × questions, and the commonest mistakes."""
    of = sum(q.points for q in sheet.questions)
    head = "".join(f'<th title="{safe(q.name)}">{safe(q.number)}</th>' for q in sheet.questions)
    lines = [f"<tr><th>student</th>{head}<th>of {of:g}</th></tr>"]
    for row in rows:
        name = safe(row["student"])
        link = f'<a href="feedback/{quote(row["student"], safe="")}.html">{name}</a>'
        cells = "".join(cell(q) for q in row["questions"])
        total = sum(q["points"] for q in row["questions"])
        lines.append(f"<tr><th>{link}</th>{cells}<td>{total:g}</td></tr>")
    right = [
        sum(row["questions"][k]["verdict"] == "passed" for row in rows)
        for k in range(len(sheet.questions))
    ]
    lines.append(f"<tr><th>right</th>{''.join(f'<td>{n}</td>' for n in right)}<td></td></tr>")
    legend = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items())
    names = "".join(f"<li>{safe(q.name)}, {q.points:g}</li>" for q in sheet.questions)
    loud = f'<p class="loud">{safe(remark)}</p>' if remark else ""
    kept = "".join(f"<li>{safe(words)}</li>" for words in fences.kept_out(bubblewrap))
    return page(
        f"{sheet.title}: marks",
        f"{loud}<p>{len(rows)} submissions. {legend}. A name leads to its feedback.</p>"
        f'<div class="wide"><table>{"".join(lines)}</table></div>'
        f"<h2>What to explain again</h2>{commonest(rows)}"
        f"<h2>Questions, and their points</h2><ul>{names}</ul>"
        f"<h2>What was kept out</h2><ul>{kept}</ul>",
    )


def cell(q):
    said = f"{q['verdict']} {q['diagnosis']}".strip()
    return f'<td class="{kind(q)}" title="{safe(said)}">{sign(q)}</td>'


def kind(q):
    return q["verdict"].replace(" ", "")


def sign(q):
    """The sign of a verdict, and the word, which a phone leaves out of a table."""
    return f'{SIGNS[q["verdict"]]}<span class="word"> {safe(q["verdict"])}</span>'


def commonest(rows):
    """The diagnoses, those of most students first; two that differ in numbers are one."""
    found = collections.defaultdict(list)
    for row in rows:
        for q in row["questions"]:
            if q["verdict"] in ("FAILED", "unsure"):
                same = re.sub(r"\d[\d.e+-]*", "#", q["diagnosis"])
                found[q["name"], same].append((row["student"], q["diagnosis"]))
    if not found:
        return "<p>Nothing.</p>"
    order = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    items = [
        f"<li><b>{len(several)} ×</b> {safe(question)}: {safe(several[0][1])}<br>"
        f"{safe(', '.join(student for student, _ in several))}</li>"
        for (question, _), several in order
    ]
    return f"<ul>{''.join(items)}</ul>"


def feedback(sheet, row):
    """What one student is told: each question with its verdict, and what is wrong."""
    total, of = (sum(q[key] for q in row["questions"]) for key in ("points", "of"))
    parts = [f"<p>{total:g} of {of:g} points.</p>"]
    if row["remark"]:
        parts.append(
            f"<p>An error in the file, beside the questions:</p><pre>{safe(row['remark'])}</pre>"
        )
    for q in row["questions"]:
        points = f"{q['points']:g} of {q['of']:g}"
        said = q["diagnosis"]
        if q["verdict"] == "waits":
            said = f"is asked {said}, when that is right"
        elif math.isfinite(q["measured"]):
            points += f"; measured {q['measured']:.2g}, limit {q['limit']:.2g}"
        words = f'<span class="{kind(q)}">&nbsp;{sign(q)}&nbsp;</span> <b>{safe(q["name"])}</b>'
        parts.append(f"<p>{words}, {points}{f'<br>{safe(said)}' if said else ''}</p>")
        if q["line"]:
            parts.append(f"<pre>{safe(q['line'])}</pre>")
    return page(f"{sheet.title}: {row['student']}", "".join(parts))


def page(title, body):
    return (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title><style>{STYLE}</style>\n<h1>{safe(title)}</h1>\n{body}\n"
        "</html>\n"
    )


def safe(text):
    """A text in HTML; what UTF-8 cannot say, and what would turn a line around, is replaced."""
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text))
