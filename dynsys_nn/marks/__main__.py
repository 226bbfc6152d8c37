"""Marks for submissions of a lab: points a question, and what to say of the mistakes."""

import argparse
import csv
import dataclasses
import sys
import tempfile
from pathlib import Path

from ..arguments import refuse
from ..training.progress import Line, on_a_terminal
from . import fences, pages
from .course import Job, Options, marked
from .marker import Sheet
from .submission import left_out, printable, students


def main(given=None):
    """Mark what the command line names; 0 if every submission was marked."""
    parser = arguments()
    asked = parser.parse_args(given)
    out = Path(asked.out)
    with tempfile.TemporaryDirectory() as folder:
        wrapped = not asked.without_bubblewrap and fences.bubblewrap_starts(folder)
    try:
        refuse(not min(asked.seconds, asked.memory) > 0, "--seconds and --memory are positive")
        refuse(asked.jobs < 1, "--jobs is at least 1")
        sheet, options = Sheet(asked.sheet), Options(asked.seconds, asked.memory, wrapped)
        found = students(asked.submissions)
        refuse(
            Path.cwd() in {path.parent for path in found.values()}
            and not getattr(sys.flags, "safe_path", False),
            "go to another folder than that of the submissions: Python imports from the folder "
            "where it runs, and would run one that is called csv.py, or numpy.py, itself",
        )
        seeds = seeds_in(asked.seeds) if asked.seeds else {}
        jobs = [
            Job(sheet.path, path, name, seeds.get(name, sheet.seed_of(name, asked.seed)), options)
            for name, path in found.items()
        ]
        for folder in ("results", "feedback"):
            (out / folder).mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if left := left_out(asked.submissions):
        say(f"left out, as links or hidden files: {printable(', '.join(left))}")
    if seeds and (lost := [job.student for job in jobs if job.student not in seeds]):
        say(f"{asked.seeds} has no seed for {', '.join(lost)}: theirs are drawn")
    remark = remark_on_the_solution(sheet, options, out)
    if remark:
        say(f"LOOK AT THE SHEET FIRST: {remark}")
    line, done = Line(on_a_terminal()), {}
    line.show(f"0 of {len(jobs)} marked")
    for student, row in marked(jobs, out, asked.jobs):
        done[student] = row
        line.show(f"{len(done)} of {len(jobs)} marked, the last is {student}")
    line.end()
    rows = [done[job.student] for job in jobs]
    pages.write(out, sheet, [row for row in rows if "broken" not in row], remark, wrapped)
    broken = [row for row in rows if "broken" in row]
    for row in broken:
        say(f"{row['student']} could not be marked: {row['broken']}")
    say(f"{len(rows) - len(broken)} of {len(rows)} marked: {out / 'marks.html'}")
    return 1 if broken else 0


def arguments():
    parser = argparse.ArgumentParser(prog="python -m dynsys_nn.marks", description=__doc__)
    parser.add_argument("sheet", metavar="SHEET", help="the lecturer's sheet")
    parser.add_argument(
        "submissions", metavar="SUBMISSIONS", nargs="+", help="scripts, notebooks, or folders"
    )
    parser.add_argument("--out", default="marks", help="folder for the results (marks)")
    parser.add_argument("--seconds", type=float, default=20, help="for one submission (20)")
    parser.add_argument("--memory", type=float, default=1, help="GB for one submission (1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes that mark (2)")
    parser.add_argument("--seed", default="", help="a secret, from which arrays are drawn")
    parser.add_argument("--seeds", metavar="FILE", help="csv of student,seed")
    parser.add_argument("--without-bubblewrap", action="store_true", help="even if it is installed")
    return parser


def seeds_in(path):
    """student → seed, from a csv file of two columns, with or without a head."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(row)]
    if rows and len(rows[0]) == 2 and not rows[0][1].strip().isdigit():
        rows = rows[1:]
    for row in rows:
        if len(row) != 2 or not row[1].strip().isdigit():
            raise ValueError(f"{path} needs rows student,seed, seeds 0, 1, …, got {','.join(row)}")
    return {student.strip(): int(seed) for student, seed in rows}


def remark_on_the_solution(sheet, options, out):
    """What the lecturer should know of the sheet: its solution, if it lies in solutions/ beside it,
    gets all points, or does not; "" if it does."""
    path = sheet.path.parent / "solutions" / sheet.path.name
    if not path.is_file():
        return f"there is no solution, {path.parent.name}/{path.name}, to try the questions with"
    options = dataclasses.replace(options, readable=(str(sheet.path.parent),))
    job = Job(sheet.path, path, "solution", sheet.seed_of("solution"), options)
    ((_, found),) = marked([job], out, 1)
    lost = [q for q in found.get("questions", ()) if q["verdict"] != "passed"]
    words = "; ".join(f"{q['name']}: {q['verdict']} {q['diagnosis']}" for q in lost)
    words = found.get("broken", words)
    return f"the lecturer's own solution does not get all points. {words}" if words else ""


def say(words):
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
