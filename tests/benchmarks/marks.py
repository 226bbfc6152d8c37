"""Thirty submissions of lab 2, right, wrong and hostile, marked with bubblewrap and without it, killed with SIGKILL after ten seconds and gone on: `python tests/benchmarks/marks.py`.

Each must get the points that it deserves and a sentence that says why; the three tables must be the same to the byte;
no process may be left, and no file be gone. Prints the time of each run.

`python tests/benchmarks/marks.py answers [labs]`: each answer of tests/answers, and each solution, is marked, and what is said of it
compared with what is said at home, by checks.run in one process: verdict, diagnosis and line of each question.
"""

import contextlib
import csv
import importlib
import io
import json
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT), str(ROOT / "tests")]

from dynsys_nn import checks  # noqa: E402
from dynsys_nn.marks import course, fences, marker  # noqa: E402

SHEET = ROOT / "tutorials" / "labs" / "2_the_adjoint_of_a_field.py"
TASK = """        raise NotImplementedError("Task 1: write the pullback of X(x) = B sin(Ax + b)")
"""
RIGHT = """        z = x @ self.A.T + self.b

        def pullback(w):
            u = np.cos(z) * (w @ self.B)
            rows_u, rows_s = u.reshape(-1, 5), np.sin(z).reshape(-1, 5)
            dA = rows_u.T @ x.reshape(-1, 3)
            dB = w.reshape(-1, 3).T @ rows_s
            return u @ self.A, self.pack(A=dA, b=rows_u.sum(axis=0), B=dB)

        return self(x), pullback
"""
EINSUM = """        z = np.einsum("...j,ij->...i", x, self.A) + self.b

        def pullback(w):
            u = np.einsum("...i,ij,...j->...j", w, self.B, np.cos(z))
            flat = [a.reshape(-1, a.shape[-1]) for a in (u, x, w, np.sin(z))]
            dA, dB = (np.einsum("ki,kj->ij", a, b) for a, b in (flat[:2], flat[2:]))
            return np.einsum("...i,ij->...j", u, self.A), self.pack(B=dB, A=dA, b=flat[0].sum(0))

        return np.einsum("...j,ij->...i", np.sin(z), self.B), pullback
"""
ROWS = """        def pullback(w):
            dx, dtheta = np.empty_like(x), np.zeros(self.theta.size)
            for k in np.ndindex(x.shape[:-1]):
                z = self.A @ x[k] + self.b
                u = np.cos(z) * (self.B.T @ w[k])
                dx[k] = self.A.T @ u
                dtheta += np.concatenate([np.outer(u, x[k]).ravel(), u, np.outer(w[k], np.sin(z)).ravel()])
            return dx, dtheta

        return np.array(self(x)), pullback
"""
AGAIN = RIGHT.replace(
    "def pullback(w):\n", "def pullback(w):\n            y, z = self(x), x @ self.A.T + self.b\n"
)
OBJECT = """        return self(x), Pullback(self, x)


class Pullback:
    def __init__(self, X, x):
        self.X, self.x = X, x

    def __call__(self, w):
        return outer(self.X, self.x, w)


def outer(X, x, w):
    z = x @ X.A.T + X.b
    u = np.cos(z) * (w @ X.B)
    axes = tuple(range(x.ndim - 1))
    dA, dB = np.tensordot(u, x, (axes, axes)), np.tensordot(w, np.sin(z), (axes, axes))
    return u @ X.A, X.pack(A=dA, b=u.sum(axes), B=dB)
"""
JVP = (
    RIGHT
    + """
    def jvp(self, x, v, dtheta=None):
        d, z = self.unpack(dtheta), x @ self.A.T + self.b
        dz = v @ self.A.T + d["b"] + (0 if dtheta is None else x @ d["A"].T)
        dy = (np.cos(z) * dz) @ self.B.T
        return self(x), dy + (0 if dtheta is None else np.sin(z) @ d["B"].T)
"""
)
LAYERS = """        A, sin, B = dnn.Dense(5, 3, W=self.A), dnn.Sine(), dnn.Dense(3, 5, W=self.B)
        s, slope = sin.value_and_slope(A(x) + self.b)

        def pullback(w):
            u = slope * B.adjoint(w)
            rows = u.reshape(-1, 5)
            return A.adjoint(u), self.pack(A=A.outer(u, x), b=rows.sum(0), B=B.outer(w, s))

        return B(s), pullback
"""
QUOTIENTS = """        def pullback(w):
            def slope(e, t):
                theta = self.theta.copy()
                self.theta = theta + 1e-5 * t
                plus = self(x + 1e-5 * e)
                self.theta = theta - 1e-5 * t
                minus = self(x - 1e-5 * e)
                self.theta = theta
                return (w * (plus - minus)).sum() / 2e-5

            dx, dtheta, zero = np.zeros(x.size), np.zeros(self.theta.size), np.zeros(self.theta.size)
            for k in range(x.size):
                dx[k] = slope(np.eye(x.size)[k].reshape(x.shape), zero)
            for k in range(dtheta.size):
                dtheta[k] = slope(np.zeros(x.shape), np.eye(dtheta.size)[k])
            return dx.reshape(x.shape), dtheta

        return self(x), pullback
"""
OWN = """        X = dnn.ResidualField(dnn.Dense(5, 3, W=self.A), dnn.Sine(), dnn.Dense(3, 5, W=self.B))
        X.b = self.b
        y, pullback = X.vjp(x)

        def back(w):
            dx, dtheta = pullback(w)
            d = X.unpack(dtheta)
            return dx, self.pack(A=d["A"], b=d["b"], B=d["B"])

        return y, back
"""
FRAMES = """        import gc

        frame, found = sys._getframe(), []
        while frame:
            found += [frame.f_locals, frame.f_globals]
            frame = frame.f_back
        expected = [d[n] for d in found + gc.get_objects() if isinstance(d, dict) for n in ("Jv", "true", "right", "quotient") if n in d]
        return self(x), lambda w: (next((e for e in expected if np.shape(e) == x.shape), 0 * x), np.zeros(35))
"""
WRONG = RIGHT.replace("np.cos(z) *", "2 * np.cos(z) *")
ZERO = "        return 0 * x, lambda w: (0 * x, 0 * self.theta)\n"
PATCHED = """checks.adjoint = checks.taylor = lambda *_, **__: checks.Check('fine', 0.0, 1.0)
checks.Check.passed = checks.sheet.Result.passed = True
checks.Check.verdict = 'passed'
"""


def script(body=RIGHT, top="", end=""):
    """The sheet with a body for vjp, lines above the class, and lines below it."""
    text = SHEET.read_text(encoding="utf-8").replace(TASK, body)
    return text.replace("# %%\nclass", f"import os, sys\n{top}\n\n# %%\nclass", 1) + end


EXIT = {"cell_type": "code", "source": "raise SystemExit"}


def notebook(text):
    """The cells of a script, each with magics before it, and one that ends Python."""
    code = [
        "%matplotlib inline\n!pip install dynsys_nn\n" + cell.partition("\n")[2]
        for cell in text.split("# %%")
    ]
    cells = [
        {"cell_type": "code", "source": cell.splitlines(True)}
        for cell in code
        if "[markdown]" not in cell
    ]
    return json.dumps(
        {"cells": [{"cell_type": "markdown", "source": "# Lab 2"}, EXIT, *cells[2:]], "nbformat": 4}
    )


#: student → (the file, points, words of what is said of 1.1)
SUBMISSIONS = {
    "right": (script(), 4, ""),
    "right_einsum": (script(EINSUM), 4, ""),
    "right_row_by_row": (script(ROWS), 4, ""),
    "right_computed_again": (script(AGAIN), 4, ""),
    "right_an_object": (script(OBJECT, end="\nchecks.run(questions(SineField())).exit()\n"), 4, ""),
    "right_with_jvp": (script(JVP), 4, ""),
    "right_of_layers": (script(LAYERS), 4, ""),
    "right_from_windows": ("\ufeff" + script(end="\nprint(1 / 0)\n").replace("\n", "\r\n"), 4, ""),
    "wrong_sign": (script(RIGHT.replace("u = np", "u = -np")), 0, "sign is wrong"),
    "wrong_transpose": (script(RIGHT.replace("w @ self.B)", "w @ self.B.T)")), 0, ""),
    "wrong_mean": (script(RIGHT.replace("sum(axis=0)", "mean(axis=0)")), 0, "a mean over the batch of 6"),
    "untouched": (script(TASK), 0, "Task 1"),
    "endless_loop": (script("        while True:\n            pass\n"), 0, "it took more than 20 s"),
    "memory": (script("        big = np.ones((4 << 30) // 8)\n" + RIGHT), 0, "more memory is needed"),
    "os_exit": (script("        os._exit(0)\n"), 0, "ends its own process"),
    "sys_exit": (script(top="sys.exit(0)"), 0, "ends Python"),
    "fork_bomb": (script(top="for k in range(50):\n    if os.fork() == 0:\n        import time; time.sleep(600)"), 0, "may not use os.fork"),
    "syntax_error": (script("        return self(x,\n"), 0, "SyntaxError"),
    "empty": ("", 0, "the file is empty"),
    "notebook": (notebook(script()), 4, ""),
    "not_utf8": (script().encode() + b"# caf\xe9\n", 0, "UTF-8"),
    "patched_adjoint": (script(WRONG, top=PATCHED), 0, "2 times"),
    "value_is_zero": (script(ZERO).replace("return np.sin(x @ self.A.T + self.b) @ self.B.T", "return 0 * x"), 0, "is given on the sheet"),
    "prints_without_end": (script("        while True:\n            print('x' * 1000)\n"), 0, "it took more than 20 s"),
    "deletes_files": (script(top="for name in os.listdir('.'):\n    os.remove(name)"), 4, ""),
    "reads_another": (script("        text = open('{folder}/right.py').read()\n" + RIGHT), 0, "may not open"),
    "reads_passwd": (script("        text = open('/etc/passwd').read()\n" + RIGHT), 0, "may not open /etc/passwd"),
    "frames": (script(FRAMES), 0, ""),
    "packages_own": (script(OWN), 0, "the package's own answer"),
    "quotients": (script(QUOTIENTS), 0, "difference quotients"),
}  # fmt: skip


def write(folder, students=tuple(SUBMISSIONS)):
    """Submissions, as files."""
    for student in students:
        text = SUBMISSIONS[student][0]
        data = text if isinstance(text, bytes) else text.replace("{folder}", str(folder)).encode()
        ending = "ipynb" if student == "notebook" else "py"
        (folder / f"{student}.{ending}").write_bytes(data)


def command(folder, out, *options):
    return [
        sys.executable,
        "-m",
        "dynsys_nn.marks",
        str(SHEET),
        str(folder),
        "--out",
        str(out),
        *options,
    ]


def run(folder, out, *options):
    """Mark, and return the table's bytes and the seconds that it took."""
    start = time.perf_counter()
    subprocess.run(command(folder, out, *options), check=True, cwd=ROOT)
    return (out / "marks.csv").read_bytes(), time.perf_counter() - start


def wrong_in(out):
    """What is not as it should be, in words."""
    with open(out / "marks.csv", newline="", encoding="utf-8") as file:
        totals = {row["student"]: float(row["total"]) for row in csv.DictReader(file)}
    found = []
    for student, (_, points, words) in SUBMISSIONS.items():
        (file,) = (out / "results").glob(f"{student}-*.json")
        said = json.loads(file.read_text(encoding="utf-8"))["questions"][0]["diagnosis"]
        if totals[student] != points or words not in said:
            found.append(f"{student}: {totals[student]:g} points, {said}")
    return found


def main():
    with tempfile.TemporaryDirectory() as name:
        base = Path(name).resolve()
        folder = base / "submissions"
        folder.mkdir()
        write(folder)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        tables, running = {}, processes()
        runs = {"bubblewrap": ()} if fences.bubblewrap_starts(base) else {}
        for way, options in (runs | {"without": ("--without-bubblewrap",)}).items():
            tables[way], seconds = run(folder, base / way, *options)
            wrong = wrong_in(base / way)
            print(
                f"{way}: {seconds:.1f} s, {len(SUBMISSIONS)} submissions, {len(wrong)} not as they should be",
                *wrong,
                sep="\n  ",
            )
        killed = subprocess.Popen(command(folder, base / "killed"), cwd=ROOT)
        time.sleep(10)
        killed.kill()
        killed.wait()
        done = len(list((base / "killed" / "results").glob("*.json")))
        tables["killed"], seconds = run(folder, base / "killed")
        print(f"killed after 10 s with {done} results, gone on for {seconds:.1f} s")
        print("tables equal to the byte:", len(set(tables.values())) == 1)
        print("submissions untouched:", before == {p: p.read_bytes() for p in folder.iterdir()})
        print("processes left:", len(processes() - running))


def processes():
    """The processes of answers that run now, where that can be seen."""
    found = Path("/proc").glob("[0-9]*/cmdline")
    return {path for path in found if b"dynsys_nn.marks.answer" in reading(path)}


def reading(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


# ---- answers to all labs, at home and marked

ANSWER = """import runpy, sys
sys.path[:0] = [{tests!r}]
from answers.lab_{number} import {kind}
Answer = {kind}[{k}][-1](runpy.run_path({solution!r})["Answer"])
"""


def compare(number, folder):
    """Print where what is said of an answer to a lab differs; (answers, those that differ, those right and refused)."""
    (path,) = (ROOT / "tutorials" / "labs").glob(f"{number}_*.py")
    module, solution = (
        importlib.import_module(f"answers.lab_{number}"),
        path.parent / "solutions" / path.name,
    )
    files = {("solution", ""): solution}
    for kind in ("WRONG", "RIGHT"):
        for k, answer in enumerate(getattr(module, kind)):
            file = files[kind, answer[0]] = folder / f"{number}_{kind}_{k}.py"
            file.write_text(
                ANSWER.format(
                    tests=str(ROOT / "tests"), number=number, kind=kind, k=k, solution=str(solution)
                ),
                encoding="utf-8",
            )
    differ = refused = 0
    options = course.Options(60, readable=(str(ROOT / "tests"), str(path.parent), str(folder)))
    for (kind, name), file in files.items():
        sheet, answer = marker.Sheet(path), runpy.run_path(str(file))["Answer"]
        space = sheet.space()
        expression = "answer" if kind != "solution" else sheet.answer
        given = eval(expression, space | {sheet.asked[0]: answer, "answer": answer})
        with contextlib.redirect_stdout(io.StringIO()):
            home = checks.run(space["questions"](given))
        marked, _ = marker.mark(sheet, file, 0, options)
        others = [
            (h, m)
            for h, m in zip(home, marked, strict=True)
            if (h.verdict, h.known, h.line) != (m.verdict, m.known, m.line)
        ]
        differ += bool(others)
        refused += kind != "WRONG" and not marked.passed
        for h, m in others[:1]:
            print(
                f"lab {number}, {kind} {name}:",
                *(f"{r.verdict} {r.known}   {r.line}" for r in (h, m)),
                sep="\n    ",
            )
    return len(files), differ, refused


def compare_all(numbers):
    labs = (ROOT / "tests" / "answers").glob("lab_*.py")
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers or sorted(int(path.stem[4:]) for path in labs):
            start = time.perf_counter()
            count, differ, refused = compare(number, Path(folder).resolve())
            print(
                f"lab {number}: {count} answers, {differ} differ, {refused} right ones refused, {time.perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    compare_all(sys.argv[2:]) if sys.argv[1:2] == ["answers"] else main()
