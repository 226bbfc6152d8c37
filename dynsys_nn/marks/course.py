"""All submissions of a course: each is marked by one of several processes, and what came of it is a
file, written all or nothing. So a run that was killed goes on where it was."""

import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import uuid
from pathlib import Path

from . import fences
from .marker import Sheet, mark


@dataclasses.dataclass(frozen=True)
class Options:
    """How submissions are run. readable: folders that one may read, for the lecturer's own."""

    seconds: float = 20.0
    memory: float = 1.0
    bubblewrap: bool = False
    readable: tuple = ()


@dataclasses.dataclass(frozen=True)
class Job:
    """One submission."""

    sheet: Path
    path: Path
    student: str
    seed: int
    options: Options

    @property
    def fingerprint(self):
        """Of the sheet, the submission and its name, the package, and the options."""
        sources = sorted(fences.PACKAGE.rglob("*.py"))
        files = [source.read_bytes() for source in (self.sheet, self.path, *sources)]
        options = self.path.name, self.seed, self.options.seconds, self.options.memory
        found = hashlib.sha256(repr(options).encode())
        for data in files:
            found.update(hashlib.sha256(data).digest())
        return found.hexdigest()[:16]


def marked(jobs, out, processes):
    """(student, what came of the submission) for each job, as they are done: those that have a file
    of results first."""
    left = []
    for job in jobs:
        found = read(file_of(job, out))
        if found is None:
            left.append((job, out))
        else:
            yield job.student, found
    if processes == 1 or len(left) < 2:
        yield from map(mark_one, left)
    elif left:
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(min(processes, len(left)), end_with_the_parent) as pool:
            yield from pool.imap_unordered(mark_one, left)


def end_with_the_parent():
    """Let this process end when its parent does, however that ends; Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    wait = threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True)
    wait.start()


def mark_one(given):
    """Mark one submission, and write the file."""
    job, out = given
    try:
        results, remark = mark(Sheet(job.sheet), job.path, job.seed, job.options)
        questions = [
            {"name": r.name, "of": r.points, "points": r.points if r.passed else 0}
            | {"verdict": r.verdict, "measured": r.measured, "limit": r.limit}
            | {"diagnosis": cut(r.known), "line": cut(r.line)}
            for r in results
        ]
        found = {"student": job.student, "remark": cut(remark), "questions": questions}
        write(file_of(job, out), json.dumps(found, ensure_ascii=False, indent=1))
    except Exception as error:  # the marker's own: the others are marked all the same
        found = {"student": job.student, "broken": f"{type(error).__name__}: {error}"}
    return job.student, found


def cut(text, most=600):
    """A text, at most so long."""
    return text if len(text) <= most else f"{text[:most]} …"


def file_of(job, out):
    return Path(out) / "results" / f"{job.student}-{job.fingerprint}.json"


def read(path):
    """What is in a file of results; None if there is none that is whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(path, text):
    """Write a text, all or nothing; what UTF-8 cannot say is replaced."""
    scratch = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        scratch.write_bytes(text.encode("utf-8", "replace"))
        os.replace(scratch, path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
