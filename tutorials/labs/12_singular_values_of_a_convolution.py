# %% [markdown]
# # Lab 12. The singular values of a convolution
#
# An image has channels $x_i$ of $n \times n$ pixels $p$, on a torus: pixel $n$ is
# pixel 0 again. A layer of a convolutional network has a stencil $W$, of shape
# (out, in, r, r), and makes $y = Kx$,
# $$y_o(p) = \sum_i\sum_q W_{oi}(q)\,x_i(p + q), \qquad q \in \{0, \dots, r-1\}^2.$$
# Its norm is a Lipschitz constant, but its matrix has $n^4$ entries for each pair of
# channels. Waves $x_i(p) = a_i\,\mathrm e^{2\pi\mathrm i k\cdot p/n}$ stay waves: $a$
# is multiplied by a small matrix for each frequency $k$, the symbol
# $$\widehat W(k) = \sum_q W(q)\,\mathrm e^{2\pi\mathrm i k\cdot q/n}, \qquad
# k \in \{0, \dots, n-1\}^2.$$
# As the waves are orthogonal, the singular values of all symbols are those of $K$.
#
# 1. Write $Kx$, for images (…, in, n, n) with any number of batch axes:
#    `np.roll(x, (-1, 0), axis=(-2, -1))` is $x(p + (1, 0))$.
# 2. Write the adjoint, $\langle w, Kx\rangle = \langle K^\top w, x\rangle$. Which
#    channels are summed now, and which way does the image roll?
# 3. Predict, before you compute it: the blur has one channel, $n = 8$ and the stencil
#    $\frac1{16}(1, 2, 1)^\top(1, 2, 1)$. Which image does it stretch most, and which
#    least? Set `blur` to its largest and its smallest singular value.
# 4. Write `singular_values`: one FFT of the stencil, which pads it with zeros if you
#    say `s=(n, n)`, and `np.linalg.svd` on a stack of small matrices. `np.fft.fft2`
#    has $\mathrm e^{-2\pi\mathrm i k\cdot q/n}$: what does the sign change?
# 5. Write `projection`, the stencil $n \times n$ of the matrix nearest to $K$ among
#    all of norm $\le 1$: replace each singular value $s$ by $\min(s, 1)$ and go back.
#    Before you look at it: is it an $r \times r$ stencil again?
# 6. Write `cut`: a stencil $r \times r$ of norm $\le 1$ that is nearer to $W$ than
#    $W/\|K\|$. Project, keep the $r \times r$ corner, and again, `rounds` times; see
#    what the norm is then.
#
# Each question prints one line, with a measured number and its limit: the answer is
# right if measured ≤ limit. What is wrong is said below the line, and a question waits
# for those that it builds on.

# %%
import numpy as np

from dynsys_nn import checks
from dynsys_nn.checks import Question
from dynsys_nn.checks.errors import line_of


# %%
class Convolution:
    """y_o(p) = Σ_i Σ_q W[o, i, q] x_i(p + q), on a torus of n × n pixels."""

    blur = None  # Task 3: replace None by (largest, smallest)

    def __init__(self, W, n):
        self.W, self.n = W, n

    def __call__(self, x):
        raise NotImplementedError("Task 1: write Kx, (…, in, n, n) → (…, out, n, n)")

    def adjoint(self, w):
        raise NotImplementedError("Task 2: write Kᵀw, (…, out, n, n) → (…, in, n, n)")

    def singular_values(self):
        raise NotImplementedError("Task 4: write all singular values, in any order")

    def projection(self):
        raise NotImplementedError("Task 5: write the projection, (out, in, n, n)")

    def cut(self, rounds=20):
        raise NotImplementedError("Task 6: write a stencil of the shape of W")


# %%
def questions(Answer, seed=0):
    """What is asked of an answer, a class: for small images, by the matrix K itself."""
    rng = np.random.default_rng(seed)

    def matrix(W, n, at=lambda q: q, torus=True):
        """K, (out·n·n, in·n·n), with x(p + at(q)) in the sum."""
        K = np.zeros((len(W), n, n, W.shape[1], n, n))
        for i, j, *q in np.ndindex(n, n, *W.shape[2:]):
            a, b = np.add((i, j), at(np.array(q)))
            if torus or max(a, b) < n:
                K[:, i, j, :, a % n, b % n] += W[:, :, q[0], q[1]]
        return K.reshape(len(W) * n * n, -1)

    def values(K):
        return np.linalg.svd(K, compute_uv=False)

    def drawn(out):
        """W from 2 channels; half of the singular values are larger than 1."""
        W = rng.normal(size=(out, 2, 3, 3))
        W = W / np.median(values(matrix(W, 6)))
        W.flags.writeable = False
        return W

    def failed(said, error=None):
        check = checks.Check("what is returned", np.inf, 0, said)
        check.line = line_of(error)
        return check

    def images(f, K, n, batch=(), mistakes=()):
        """f against K, for images; mistakes: (words, another K)."""
        x = rng.normal(size=(*batch, K.shape[1] // n**2, n, n))
        x.flags.writeable = False

        def times(M):
            return (x.reshape(*batch, -1) @ M.T).reshape(*batch, -1, n, n)

        try:
            found = f(x)
        except ValueError as error:
            if str(error).endswith("read-only"):
                raise
            said = "channels are axis -3, and pixels the last two, those that @ takes"
            return failed(f"arrays do not fit, for x of shape {x.shape}: {said}", error)
        named = {words: times(M) for words, M in mistakes}
        for s in list(np.ndindex(n, n))[1 : n * n * len(named)]:
            words = f"it is right, but moved by {s} pixels: where is q = (0, 0)?"
            named[words] = np.roll(times(K), s, axis=(-2, -1))
        return checks.compared("images", found, times(K), named, 1e-12)

    def value():
        ways = (
            ("x rolls the wrong way: x(p + q) is a roll by −q", lambda q: -q),
            ("the axes of the stencil, or of x, are exchanged", lambda q: q[::-1]),
            ("the stencil is read backwards", lambda q: 2 - q),
            ("what was rolled is rolled again", lambda q: (q[0], 3 * q[0] + q[1])),
        )
        parts = (
            ("q₁ = 0 and q₂ = 0 are left out", W2 * np.outer([0, 1, 1], [0, 1, 1])),
            ("it is the last q alone: sum over q", W2 * np.outer([0, 0, 1], [0, 0, 1])),
            ("the channels are exchanged: W[o, i] takes i to o", W2.swapaxes(0, 1)),
        )
        mistakes = [(words, matrix(W2, 5, at)) for words, at in ways]
        mistakes += [(words, matrix(W, 5)) for words, W in parts]
        mistakes += [("outside are no zeros: it goes round", matrix(W2, 5, torus=0))]
        return images(Answer(W2, 5), matrix(W2, 5), 5, mistakes=mistakes)

    def adjoint():
        K, turned = matrix(W2, 5), matrix(W2.swapaxes(0, 1), 5)
        mistakes = [
            ("it is Kw: who is a neighbour of p, and in which channel?", K),
            ("the channels are right, but w must roll the other way", turned),
            ("w rolls the right way, but W[o, i] takes o to i now", turned.T),
            ("the axes of q, or of w, are exchanged", matrix(W2.swapaxes(2, 3), 5).T),
        ]
        return images(Answer(W2, 5).adjoint, K.T, 5, mistakes=mistakes)

    def blur():
        c = np.array([[1.0, 2.0, 1.0]]) / 4
        right = values(matrix((c.T @ c)[None, None], 8))[[0, -1]]
        said, looks = Answer.blur, ("an image of equal pixels", "a chessboard, ±1")
        if np.size(said) == 2:
            said = np.sort(np.ravel(said))[::-1]  # in any order
        task, hints = "Task 3: set blur", [f"what becomes of {look}?" for look in looks]
        return checks.foretold(task, said, right.round(12), {}, hints)

    def singular(W, n):
        K, (out, inn, r, _) = matrix(W, n), W.shape
        s, found = values(K)[::-1], Answer(W, n).singular_values()
        if found is None or isinstance(found, tuple):
            return failed("is there a return? And svd gives a tuple: U, s and Vᴴ")
        found = np.sort(np.ravel(found))
        counts = {
            out * inn * n * n: "these are the entries of the symbols: take an SVD",
            r * r * inn: "one matrix for each entry of the stencil: pad it, s=(n, n)",
            out * inn * n: "svd takes the last two axes: these must be the channels",
        }
        if found.size != s.size:
            why = counts.get(found.size, "each of n·n frequencies has min(out, in)")
            return failed(f"needed are {s.size} numbers, got {found.size}: {why}")
        real = values(K + matrix(W, n, lambda q: -q))[::-1] / 2
        mistakes = {
            "these are eigenvalues of KᵀK: take square roots": s**2,
            "they are divided by n: leave norm='ortho' out": s / n,
            "they are divided by n²: is it ifft2, or norm='forward'?": s / n**2,
            "the symbols are complex: .real is too early": real,
        }
        check = checks.compared("singular values", found, s, mistakes, 1e-12)
        if "needed" in check.detail and abs(s @ s - found @ found) < 1e-9:
            check.detail = "Σ s² is right, so all entries of the symbols are: in which "
            check.detail += "matrices? Axes move by a transpose, not by reshape"
        return check

    def projection(W, n):
        K, (out, inn), found = matrix(W, n), W.shape[:2], Answer(W, n).projection()
        U, s, Vt = np.linalg.svd(K, full_matrices=False)
        right, larger, scaled = (
            (U * t @ Vt).reshape(out, n, n, inn, n, n)[:, 0, 0]  # what pixel 0 sees
            for t in (np.minimum(s, 1), np.maximum(s, 1), s / s[0])
        )
        turned = n**2 * right[:, :, -np.arange(n)][:, :, :, -np.arange(n)]
        mistakes = {
            "it is K/‖K‖, which is in the ball, but there is a nearer one": scaled,
            "those below 1 become 1, and those above stay: min and not max": larger,
            "it is fft2 of the symbols: the way back is ifft2": turned,
            "the channels are exchanged: (out, in, n, n)": right.swapaxes(0, 1),
        }
        check = checks.compared("projection", found, right, mistakes)
        unknown = "needed is" in check.detail and np.isfinite(check.measured)
        if unknown and np.allclose(values(matrix(found, n)), np.minimum(s, 1), 1e-6):
            check.detail = "its singular values are right, its vectors are not: svd "
            check.detail += "returns U, s, Vᴴ, and not V; each s is for a column of U"
        return check

    def cut():
        K = Answer(W2, 6)
        found = K.cut()
        if np.shape(found) != W2.shape or K.W is not W2:
            return failed(f"needed is a stencil {W2.shape}, and self.W as it was")
        norm = values(matrix(found, 6))[0]
        said = f"its norm is {norm:.6g}: what has the cut done? Divide at the end"
        return checks.Check("cut", norm, 1 + 1e-10, said)

    def nearer():
        norm, cut = values(matrix(W2, 6))[0], Answer(W2, 6).cut
        gaps = [np.linalg.norm(W - W2) for W in (W2 / norm, cut(1), cut(20))]
        said = "distance to W: {:.3g} of W/‖K‖, {:.3g} after 1 round, {:.3g} after 20:"
        said += " project what the last round left, divide by the norm that is left"
        if np.allclose(gaps, gaps[0]):
            said = "that is W/‖K‖: a round projects, and keeps the corner"
        elif np.isclose(gaps[1], gaps[2]):
            said += ": 20 rounds are as 1, does each begin with self.W?"
        ratio = gaps[2] / min(gaps[:2])
        return checks.Check("distance", ratio, 0.99, said.format(*gaps))

    def ask(name, f, *given, after=()):
        return Question(name, lambda: f(*given), after=after)

    W2, W32 = drawn(2), drawn(3)
    F, K = Answer(W32, 5), matrix(W32, 5)
    return [
        ask("1.1 value, two channels", value),
        ask("1.2 value, a batch, 2 to 3", images, F, K, 5, (2, 3), after="1.1"),
        ask("2.1 adjoint, two channels", adjoint),
        ask("2.2 adjoint, a batch", images, F.adjoint, K.T, 5, (2, 3), after="2.1"),
        ask("3.1 the blur, predicted", blur),
        ask("4.1 singular values, two channels", singular, W2, 5),
        ask("4.2 singular values, 2 channels to 3", singular, W32, 5, after="4.1"),
        ask("5.1 projection, two channels", projection, W2, 6, after="4.1"),
        ask("5.2 projection, 2 channels to 3", projection, W32, 5, after="5.1"),
        ask("5.3 what is in the ball stays", projection, 0.1 * W32, 5, after="5.1"),
        ask("6.1 cut: a stencil, in the ball", cut, after="5.1"),
        ask("6.2 cut: nearer than W/‖K‖", nearer, after="6.1"),
    ]


# %% [markdown]
# ## A picture to predict
#
# Two ways to a stencil of norm 1: divide it, $W/\|K\|$, or `cut` it. **Before you run
# it:** sketch the singular values of $K$, from the largest to the smallest, and those
# after each of the two. Which of the two changes the layer less?
#
# `picture(Convolution)` draws it, in a cell of a notebook or after
# `python -i tutorials/labs/12_singular_values_of_a_convolution.py`, once tasks 4 and 6
# are right.


# %%
def picture(Answer):
    """What was predicted: all singular values, before and after."""
    import matplotlib.pyplot as plt

    from dynsys_nn import plotting

    def spectrum(W):
        return np.sort(np.ravel(Answer(W, 12).singular_values()))[::-1]

    W = np.random.default_rng(3).normal(size=(2, 2, 3, 3))
    W = W / np.median(spectrum(W))
    ways = {"$W$": W, "divided": W / spectrum(W)[0], "cut, yours": Answer(W, 12).cut()}
    with plt.style.context(plotting.STYLE):
        _, ax = plt.subplots(figsize=(10, 5.5))
        for (name, V), colour in zip(ways.items(), ("0.6", "C1", "C0")):
            far = np.linalg.norm(V - W) / np.linalg.norm(W)
            label = f"{name}: {100 * far:.0f} % from $W$" if far else name
            ax.plot(spectrum(V), color=colour, label=label)
        ax.axhline(1, color="black", linewidth=1, linestyle=":")
        ax.set(xlabel="number, from the largest on", ylabel="singular value")
        ax.legend()
        return plotting.show()


if __name__ == "__main__":
    checks.run(questions(Convolution)).exit()
