# %% [markdown]
# # Lab 14. A checkpointed adjoint
#
# $x_n = F(F(\cdots F(x_0)))$, $n$ steps of one map $F$ with parameters $\theta$. The
# adjoint goes back through the steps, last one first,
# $$w_{k-1} = F'(x_{k-1})^\top w_k, \qquad \mathrm d\theta = \sum_{k=1}^{n}
# \Bigl(\frac{\partial F}{\partial\theta}(x_{k-1})\Bigr)^{\!\top} w_k,$$
# and needs the states in the reverse of the order in which they are found. Either all
# of them are kept, $n$ in memory, or some, and what lies between is computed again.
#
# `F(x)` is one step. `F.vjp(x)` gives $F(x)$ and its pullback, $w \mapsto
# (\mathrm dx, \mathrm d\theta)$; a pullback keeps one state, its $x$. Both evaluate
# $F$ once. Write three functions that return $x_n$ and a pullback of all $n$ steps,
# which may be called more than once.
#
# 1. Write `stored`: keep all pullbacks.
# 2. Predict: every $m$-th state is kept on the way forward, $x_0, x_m, x_{2m}, \dots$
#    On the way back the last $m$ steps are taken again, by `F.vjp`, from the last state
#    that was kept; then the $m$ before them. For $n = 100$ and $m = 20$: how often is
#    $F$ evaluated in all, and how many states are in memory at most, those that are
#    kept and those of $m$ pullbacks? Set `predicted` to these two numbers, and `best`
#    to the $m$ for which memory is least.
# 3. Write `checkpointed`, for every $m$ from 1 to $n$. If $m$ does not divide $n$, the
#    last segment is shorter.
# 4. Write `bisected`, with $1 + \log_2 n$ states: to go back through $n$ steps from
#    $x$, compute the state in the middle, go back through the second half, and then
#    through the first; one step is a `vjp`. Before you run it: how many evaluations are
#    these for $n = 64$, beside $2n$?
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
try:
    import tracemalloc
except ImportError:  # as in PyPy, and in some browsers
    tracemalloc = None

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
from dynsys_nn.arguments import results
from dynsys_nn.checks import Question


# %%
class Deep:
    """n steps of F, and three ways back through them."""

    predicted = None  # Task 2: (evaluations, states) for n = 100, m = 20
    best = None  # Task 2: the m with the fewest states for n = 100

    def __init__(self, F, n):
        self.F, self.n = F, n

    def stored(self, x):
        raise NotImplementedError("Task 1: write x_n, pullback; all pullbacks are kept")

    def checkpointed(self, x, m):
        raise NotImplementedError("Task 3: write x_n, pullback; every m-th x is kept")

    def bisected(self, x):
        raise NotImplementedError("Task 4: write x_n, pullback; log₂ n states are kept")


# %%
def peak(run):
    """The most bytes in memory while it runs; 0 where nobody counts them."""
    if tracemalloc is None:
        return 0
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    x, w = np.random.default_rng(seed).normal(size=(2, 5, 3))
    x.flags.writeable = w.flags.writeable = False

    class Seen:
        """F(x) = x + θ₀ sin x + θ₁ cos x; a pullback keeps x alone. It notes where F is
        evaluated, and where pullbacks are called, what goes in and what comes out."""

        def __init__(self):
            self.theta, self.evaluated, self.pulled = np.array([0.1, 0.2]), [], []

        def __call__(self, x):
            self.evaluated.append(x.flat[0])
            return x + self.theta[0] * np.sin(x) + self.theta[1] * np.cos(x)

        def vjp(self, x):
            def pullback(w):
                dx = w * (1 + self.theta[0] * np.cos(x) - self.theta[1] * np.sin(x))
                dtheta = np.array([(w * np.sin(x)).sum(), (w * np.cos(x)).sum()])
                self.pulled.append((x.flat[0], w.sum(), dx.sum(), dtheta))
                return dx, dtheta

            return self(x), pullback

    def states(n, dx=0, dtheta=0):
        F, xs = Seen(), [x + dx]
        F.theta = F.theta + dtheta
        for _ in range(n):
            xs.append(F(xs[-1]))
        return xs

    def apart(deep, pair, *named):
        return results(deep, tuple(pair) if isinstance(pair, list) else pair, *named)

    def steps_back(calls, xs, n):
        """What is wrong with the calls of pullbacks, "" if nothing."""
        firsts, needed = np.array([z.flat[0] for z in xs]), [*range(n)][::-1]
        gaps = [np.abs(firsts - call[0]) for call in calls]
        if any(gap.min() > 1e-9 for gap in gaps):
            return "pullbacks are called at states of another x: is one kept on self?"
        at = [int(gap.argmin()) for gap in gaps]
        if at != needed:
            return f"pullbacks are called at x_k, k = {at}, and needed is {needed}"
        came = [w.sum(), *(call[2] for call in calls)]
        for k, call, out in zip(needed, calls, came, strict=False):
            if abs(call[1] - out) > 1e-9 * abs(out):
                return f"the pullback at x_{k} does not get what that of x_{k + 1} gave"
        return ""

    def same(way, n, *m):
        """x_n, dx and dtheta against complex steps."""
        F = Seen()
        deep = Answer(F, n)
        pair = getattr(deep, way)(x, *m)
        y, pullback = apart(deep, pair, ("x_n", "a pullback"), way, True)
        xs = states(n + 9)
        known = {f"what is needed is x_{n}, got x_{k}": z for k, z in enumerate(xs)}
        check = checks.compared("x_n", y, xs[n], known, 1e-12)
        if not check.passed:
            return check
        getattr(deep, way)(x + 1, *m)
        F.pulled.clear()
        pair = apart(deep, pullback(w), ("dx", "dtheta"), "the pullback")
        found = [np.array(a) for a in pair]
        parts = [call[3] for call in F.pulled]
        mistakes = {
            "dtheta is that of the first step alone: sum over all": parts[-1],
            "dtheta is that of the last step alone: sum over all": parts[0],
            "dtheta is a mean: it is a sum": sum(parts) / n,
        }
        if 1 < sum(m) < n:
            mistakes["dtheta is that of the first segment alone"] = sum(parts[-m[0] :])
            mistakes["dtheta is that of the last segment alone"] = sum(
                parts[: n % m[0] or m[0]]
            )
        steps = [states(n, dtheta=e)[n].imag for e in 1e-100j * np.eye(2)]
        right = 1e100 * np.array([(w * step).sum() for step in steps])
        dx = 1e100 * w * states(n, 1e-100j)[n].imag
        known = {"dx and dtheta are exchanged": dx} | (mistakes if n > 1 else {})
        check = checks.compared("dtheta", found[1], right, known, 1e-12)
        if check.passed:
            check = checks.compared("dx", found[0], dx, limit=1e-12)
        if "needed is" in check.detail and np.isfinite(check.measured):
            check.detail = steps_back(F.pulled, xs, n) or check.detail
        if check.passed and not all(map(np.array_equal, pullback(w), found)):
            said = "called a second time, the pullback gives something else: is a list "
            return checks.Check(
                "", np.inf, 0, said + "used up, or dtheta not 0 at first?"
            )
        return check

    def evaluations(way, n, limit, *m):
        F, z = Seen(), np.ones((1, 2))
        getattr(Answer(F, n), way)(z, *m)[1](z)
        count, most = len(F.evaluated), max(map(F.evaluated.count, F.evaluated))
        said = f"F is evaluated {count} times, {most} at one x; {limit} are enough"
        if m and most == 3:
            said += ": is F(x) called beside F.vjp(x), which gives it, too?"
        return checks.Check("evaluations", count, limit, said)

    def memory(way, n, limit, needed, *m):
        F, z = Seen(), np.ones((1000, 2))
        most = peak(lambda: getattr(Answer(F, n), way)(z, *m)[1](z))
        most = (most - peak(lambda: F.vjp(z)[1](z))) / z.nbytes  # beside one step's
        said = f"{most:.1f} states are kept, needed are {needed}, all would be {n}"
        if most > 0.8 * n:
            said += ": are all states, or all pullbacks, kept after all?"
        return checks.Check("memory", most, limit, said)

    def predicted():
        """x₈₀ is kept, and by a pullback, too: one array, or two."""
        said = Answer.predicted
        kept = 24 if np.size(said) == 2 and np.ravel(said)[1] == 24 else 25
        mistakes = {
            "they are exchanged": (25, 200),
            "each step is taken forward once, and then again": (100, np.nan),
            "vjp evaluates F once, and gives a pullback, too": (300, np.nan),
            "the last segment is taken again, too, like all others": (180, np.nan),
            "the pullbacks of a segment keep states, too": (np.nan, 5),
            "the states that are kept on the way forward count, too": (np.nan, 20),
            "x_n is not needed on the way back": (np.nan, 26),
            "not one segment is taken again, but all": (120, np.nan),
            "not all pullbacks are in memory at once": (np.nan, 100),
        }
        task, hints = "Task 2: set predicted, a pair", ("first try n = 4, m = 2",) * 2
        return checks.foretold(task, said, (200, kept), mistakes, hints)

    def best():
        states = {m: len(range(0, 100, m)) + m for m in range(1, 101)}
        task, least = "Task 2: set best, the m", min(states, key=states.get)
        return checks.foretold(task, Answer.best, least, {}, ["and for m = 5, or 20?"])

    def ask(name, f, *given, after=()):
        return Question(name, lambda: f(*given), after=after)

    asked = [
        ask("1.1 one step", same, "stored", 1),
        ask("1.2 seven steps", same, "stored", 7, after="1.1"),
        ask("2.1 evaluations and states, predicted", predicted),
        ask("2.2 the best m, predicted", best),
        ask("3.1 twelve steps, every 4th x", same, "checkpointed", 12, 4, after="1.2"),
        ask("3.2 eleven steps, every 4th x", same, "checkpointed", 11, 4, after="3.1"),
        ask("3.3 every x, m = 1", same, "checkpointed", 7, 1, after="3.1"),
        ask("3.4 x₀ alone, m = n", same, "checkpointed", 7, 7, after="3.1"),
        ask("3.5 evaluations", evaluations, "checkpointed", 64, 128, 8, after="3.1"),
        ask("3.6 memory", memory, "checkpointed", 64, 30, "some 8 + 8", 8, after="3.5"),
        ask("4.1 eight steps, by halves", same, "bisected", 8),
        ask("4.2 eleven steps", same, "bisected", 11, after="4.1"),
        ask("4.3 evaluations", evaluations, "bisected", 64, 320, after="4.1"),
        ask("4.4 memory", memory, "bisected", 64, 20, "some 1 + log₂ 64", after="4.3"),
    ]
    counted = peak(lambda: np.ones(1000)) > 7000
    return [q for q in asked if counted or "memory" not in q.name]


# %% [markdown]
# ## A picture to predict
#
# 64 steps, and a point for each way back: evaluations of $F$ to the right, states in
# memory upwards. **Before you run it:** put in `stored`, `checkpointed` with
# $m = 2, 4, 8, 16, 32$, and `bisected`. Which $m$ would you take, and why?
#
# `picture(Deep)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/14_a_checkpointed_adjoint.py`, once all tasks are
# right.


# %%
def picture(Answer):
    """What was predicted: evaluations and memory, counted and measured."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    class Step(dnn.Map):
        """x + sin(x)/10, and how often it is asked for; a pullback keeps x alone."""

        dim_in, dim_out, count = 2, 2, 0

        def __call__(self, x):
            self.count += 1
            return x + np.sin(x) / 10

        def vjp(self, x):
            return self(x), lambda w: (w + w * np.cos(x) / 10, np.zeros(0))

    def cost(way, *m):
        F, x = Step(), np.ones((1000, 2))
        back_and_forth = getattr(Answer(F, 64), way)
        one = peak(lambda: F.vjp(x)[1](x))  # what a step takes is not counted
        F.count = 0
        most = peak(lambda: back_and_forth(x, *m)[1](x)) - one
        return F.count, most / x.nbytes

    points = {f"$m = {m}$": cost("checkpointed", m) for m in (2, 4, 8, 16, 32)}
    points |= {way: cost(way) for way in ("stored", "bisected")}
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(10, 6))
        for name, (count, states) in points.items():
            side = "right" if name in ("$m = 16$", "$m = 32$") else "left"
            ax.plot(count, states, "o", color="C0")
            ax.text(count, states, f"  {name}  ", ha=side, va="center")
        ax.set(xlabel="evaluations of $F$, for 64 steps", xlim=(0, 400))
        ax.set(ylabel="states in memory, at most", ylim=(0, 75))
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Deep)).exit()
