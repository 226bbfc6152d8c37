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
import tracemalloc

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import checks
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
def questions(Answer, seed=0):
    """What is asked of an answer, a class."""
    rng = np.random.default_rng(seed)
    field = dnn.ResidualField.random(3, 4, rng=rng)
    F = dnn.Flow(field, 0.2, dnn.Ralston())
    x, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    x.flags.writeable = w.flags.writeable = False

    def failed(said):
        return checks.Check("what is returned", np.inf, 0, said)

    def opened(way, F, n, *m):
        """y and the pullback; a sentence if they cannot be right."""
        pair = getattr(Answer(F, n), way)(x, *m)
        if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[1])):
            got = "None: is there a return?" if pair is None else type(pair).__name__
            if got == "tuple" and callable(pair[0]):
                got = "them in the other order"
            return None, f"x_n and a pullback are to be returned, got {got}"
        return pair, ""

    def pulled(pullback):
        """dx and dtheta of a pullback; a sentence if they cannot be right."""
        pair = pullback(w)
        if not (isinstance(pair, tuple) and len(pair) == 2):
            got = "None: is there a return?" if pair is None else type(pair).__name__
            return None, f"the pullback returns dx, dtheta, got {got}"
        dx, dtheta = map(np.asarray, pair)
        if dx.shape != x.shape or dtheta.shape != field.theta.shape:
            shapes = f"{dx.shape} and {dtheta.shape}"
            needed = f"{x.shape} and {field.theta.shape}"
            return None, f"dx and dtheta have shapes {shapes}, needed are {needed}"
        return (dx, dtheta), ""

    def distance(a, b):
        return max(
            np.linalg.norm(s - t) / np.linalg.norm(t) for s, t in zip(a, b, strict=True)
        )

    def states(n):
        xs = [x]
        for _ in range(n):
            xs.append(F(xs[-1]))
        return xs

    def back(points, w=w):
        """w pulled back through F at these points, and all the dθ on the way."""
        parts = []
        for p in reversed(points):
            w, d = F.vjp(p)[1](w)
            parts.append(d)
        return w, parts

    def mistakes(n, m):
        """words → (dx, dθ) of ways to miss it; m: steps of a segment."""
        xs, too_far = states(n), states(-(-n // m) * m)
        dx, parts = back(xs[:-1])
        rest = n % m or m  # the steps of the last segment
        turned = [z for k in range(0, n, m) for z in reversed(xs[k : min(k + m, n)])]
        known = {
            "dtheta is that of the first step alone: sum over all": (dx, parts[-1]),
            "dtheta is that of the last step alone: sum over all": (dx, parts[0]),
            "dtheta is a mean: it is a sum": (dx, sum(parts) / n),
            "the sign of dtheta is wrong": (dx, -sum(parts)),
            "the first step comes first: on the way back the last one does": back(
                xs[:-1][::-1]
            ),
            "all pullbacks get the same w: each gets what the one after it returns": (
                F.vjp(x)[1](w)[0],
                [F.vjp(z)[1](w)[1] for z in xs[:-1]],
            ),
            "the derivatives are taken at x₁, …, x_n, after the steps": back(xs[1:]),
            "all the derivatives are taken at x₀": back([x] * n),
        }
        if 1 < m < n:
            known |= {
                "in a segment the first step comes first": back(turned),
                "the first segment comes first: the last one does": back(
                    [z for k in range(0, n, m)[::-1] for z in xs[k : min(k + m, n)]]
                ),
                "dtheta is that of the first segment alone": (dx, parts[-m:]),
                "dtheta is that of the last segment alone": (dx, parts[:rest]),
                "the last segment goes on for m steps, past x_n": back(too_far[:-1]),
            }
            if rest < m:
                known["the last, shorter segment is missing"] = back(xs[: n - rest])
        return {
            s: (a, sum(b) if isinstance(b, list) else b) for s, (a, b) in known.items()
        }

    def same(way, n, *m):
        """x_n, dx and dtheta against those of a Flow of n steps."""
        pair, said = opened(way, F, n, *m)
        if said:
            return failed(said)
        y, pullback = pair
        right_y, right = dnn.Flow(field, 0.2, dnn.Ralston(), steps=n).vjp(x)
        if np.shape(y) != x.shape or distance([y], [right_y]) > 1e-12:
            steps = [
                k
                for k, z in enumerate(states(n + m[0] if m else n + 3))
                if np.shape(z) == np.shape(y) and np.allclose(z, y, 1e-12)
            ]
            got = f"x_{steps[0]}" if steps else "another state"
            return failed(f"the first of the two is x_{n}, got {got}")
        right, (found, said) = right(w), pulled(pullback)
        if said:
            return failed(said)
        error = distance(found, right)
        check = checks.Check("adjoint", error, 1e-13, "dx and dtheta against a Flow's")
        if not check.passed:
            fits = [
                words
                for words, z in mistakes(n, *m or (n,)).items()
                if distance(z, right) > 1e-9 and distance(found, z) < 1e-9
            ]
            gaps = [distance([a], [b]) for a, b in zip(found, right, strict=True)]
            said = "dx is off by {:.2g}, dtheta by {:.2g}, relative".format(*gaps)
            if min(gaps) < 1e-12:
                names = ("dx", "dtheta") if gaps[0] < gaps[1] else ("dtheta", "dx")
                said = "{} is right, {} is off by {:.2g}".format(*names, max(gaps))
            check.detail = ", or ".join(fits) or said
        else:
            again, said = pulled(pullback)
            if said or distance(again, found) > 0:
                said = "called a second time, the pullback gives something else: "
                return failed(f"{said}is a list used up, or dtheta not 0 at first?")
        return check

    class Counted(dnn.Map):
        """x + a sin x; a pullback keeps x alone, and evaluations are counted."""

        dim_in = dim_out = 2

        def __init__(self):
            self.own(a=np.array([0.1]))
            self.count = 0

        def __call__(self, x):
            self.count += 1
            return x + self.a * np.sin(x)

        def vjp(self, x):
            def pullback(w):
                return w + w * self.a * np.cos(x), np.array([(w * np.sin(x)).sum()])

            return self(x), pullback

    def peak(run):
        """The most bytes that are in memory while it runs."""
        running = tracemalloc.is_tracing()
        if not running:
            tracemalloc.start()
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            run()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            if not running:
                tracemalloc.stop()

    def evaluations(way, n, limit, *m):
        G, z = Counted(), np.ones((1, 2))
        getattr(Answer(G, n), way)(z, *m)[1](z)
        count = G.count
        said = f"F is evaluated {count} times, {count / n:.3g} times n = {n}"
        if count > limit:
            said += f", {limit} are enough"
            if m and count >= 0.9 * (n * n / (2 * m[0])) and count > 4 * n:
                said += ": start from the state that was kept, and not from x₀"
            elif count >= 0.9 * (3 * n - n / m[0]) if m else False:
                said += ": vjp gives F(x), too, so F(x) need not be called beside it"
        return checks.Check("evaluations", count, limit, said)

    def memory(way, n, limit, needed, *m):
        G, z = Counted(), np.ones((1000, 2))
        most = peak(lambda: getattr(Answer(G, n), way)(z, *m)[1](z))
        most = (most - peak(lambda: G.vjp(z)[1](z))) / z.nbytes  # beside one step's
        said = f"{most:.1f} states are kept, needed are {needed}"
        if most > limit:
            said += f", all would be {n}"
            if most > 0.8 * n:
                said += ": are all states, or all pullbacks, kept after all?"
        return checks.Check("memory", most, limit, said)

    def predicted(n=100, m=20):
        if Answer.predicted is None:
            raise NotImplementedError("Task 2: set predicted = (evaluations, states)")
        found = np.ravel(np.asarray(Answer.predicted, float))
        if found.shape != (2,):
            return failed(f"evaluations and states are two numbers, got {found}")
        count, kept = 2 * n, -(-n // m) + m
        if found.tolist() == [kept, count]:
            return failed("they are exchanged: evaluations come first")
        of_evaluations = {
            n: "each step is taken forward once, and then again",
            3 * n: "vjp evaluates F once, and gives a pullback, too",
            2 * n - m: "the last segment is taken again, too, like all others",
        }
        of_states = {
            n // m: "the pullbacks of a segment keep states, too",
            m: "the states between segments are kept, too",
            n: "not all states are kept",
        }
        if found[1] == kept - 1:  # x₈₀ is kept, and by a pullback, too: one array
            kept -= 1
        look, said = "count them for n = 4 and m = 2 first", []
        if found[0] != count:
            why = of_evaluations.get(found[0], look)
            said.append(f"evaluations: not {found[0]:g}, {why}")
        if found[1] != kept:
            said.append(f"states: not {found[1]:g}, {of_states.get(found[1], look)}")
        off = np.abs(found - (count, kept)).max()
        return checks.Check("predicted", off, 0, "; ".join(said))

    def best(n=100):
        if Answer.best is None:
            raise NotImplementedError("Task 2: set best, the m with the fewest states")
        m = Answer.best
        if m not in range(1, n + 1):
            return failed(f"m is an integer from 1 to {n}, got {m!r}")
        kept, least = -(-n // m) + m, min(-(-n // k) + k for k in range(1, n + 1))
        said = f"⌈{n}/{m}⌉ + {m} states are {kept}, and there is an m with fewer"
        return checks.Check("best", kept, least, said)

    return [
        Question("1.1 one step", lambda: same("stored", 1)),
        Question("1.2 seven steps", lambda: same("stored", 7), after="1.1"),
        Question("2.1 evaluations and states, predicted", predicted),
        Question("2.2 the best m, predicted", best),
        Question(
            "3.1 twelve steps, every 4th x",
            lambda: same("checkpointed", 12, 4),
            after="1.2",
        ),
        Question(
            "3.2 eleven steps, every 4th x",
            lambda: same("checkpointed", 11, 4),
            after="3.1",
        ),
        Question("3.3 every x, m = 1", lambda: same("checkpointed", 7, 1), after="3.1"),
        Question(
            "3.4 x₀ alone, m = n", lambda: same("checkpointed", 7, 7), after="3.1"
        ),
        Question(
            "3.5 evaluations, n = 64, m = 8",
            lambda: evaluations("checkpointed", 64, 128, 8),
            after="3.1",
        ),
        Question(
            "3.6 memory, n = 64, m = 8",
            lambda: memory("checkpointed", 64, 30, "some 8 + 8", 8),
            after="3.5",
        ),
        Question("4.1 eight steps, by halves", lambda: same("bisected", 8)),
        Question("4.2 eleven steps", lambda: same("bisected", 11), after="4.1"),
        Question(
            "4.3 evaluations, n = 64",
            lambda: evaluations("bisected", 64, 320),
            after="4.1",
        ),
        Question(
            "4.4 memory, n = 64",
            lambda: memory("bisected", 64, 20, "some 1 + log₂ 64"),
            after="4.3",
        ),
    ]


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
        tracemalloc.start()
        F.vjp(x)[1](x)  # what one step takes is not counted
        one, F.count = tracemalloc.get_traced_memory()[1], 0
        tracemalloc.reset_peak()
        back_and_forth(x, *m)[1](x)
        most = tracemalloc.get_traced_memory()[1] - one
        tracemalloc.stop()
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
