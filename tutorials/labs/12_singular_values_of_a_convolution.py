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
    """What is asked of an answer, a class.

    It is compared with the matrix K itself, entry by entry, for small images.
    """

    def rng_of(task):
        return np.random.default_rng([seed, task])

    def matrix(W, n, sign=1, centre=0, torus=True):
        """K, (out·n·n, in·n·n), with x(p + sign·(q − centre)) in the sum."""
        K = np.zeros((len(W), n, n, W.shape[1], n, n))
        for p1, p2, q1, q2 in np.ndindex(n, n, *W.shape[2:]):
            r1, r2 = p1 + sign * (q1 - centre), p2 + sign * (q2 - centre)
            if torus or (0 <= r1 < n and 0 <= r2 < n):
                K[:, p1, p2, :, r1 % n, r2 % n] += W[:, :, q1, q2]
        return K.reshape(len(W) * n * n, -1)

    def drawn(task, out):
        """W from 2 channels; of the singular values, half are larger than 1."""
        W = rng_of(task).normal(size=(out, 2, 3, 3))
        W = W / np.median(np.linalg.svd(matrix(W, 6), compute_uv=False))
        W.flags.writeable = False
        return W

    def stencil(K, out):
        """The stencil (out, in, n, n) of a matrix K: what pixel 0 of y sees."""
        n = round((len(K) / out) ** 0.5)
        return K.reshape(out, n, n, -1, n, n)[:, 0, 0]

    def compare(f, x, right, mistakes, limit=1e-12):
        """f(x) against what is right, and the mistakes that would give f(x)."""
        seen = []
        try:
            check = checks.value(
                lambda z: seen.append(f(z)) or seen[-1], x, right, limit
            )
        except ValueError as error:
            if x.ndim < 5 or str(error).endswith("read-only"):
                raise
            said = "right for one image of two channels, and here: "
            raise ValueError(f"{said}{error}").with_traceback(
                error.__traceback__
            ) from None
        if check.passed or not seen:
            return check
        found, fits = seen[-1], []
        if found is None:
            fits = ["nothing is returned: is there a return?"]
        elif np.iscomplexobj(found):
            fits = ["it is complex: what is not real is rounding, take .real"]
        elif np.shape(found) == np.shape(right):
            c = np.sum(found * np.asarray(right)) / np.sum(np.square(right))
            times = f"it is {c:.4g} times what it should be"
            if abs(c + 1) < 1e-6:
                times = "the sign is wrong"
            mistakes = {**mistakes, times: c * np.asarray(right)}
            fits = [words for words, y in mistakes.items() if np.allclose(found, y)]
        check.detail = ", or ".join(fits) or check.detail.replace("F(x)", "it")
        return check

    def last(W):
        """W with its last entry alone."""
        return W * (np.arange(W[0, 0].size) == W[0, 0].size - 1).reshape(W[0, 0].shape)

    def image(K, x, n):
        """K times images x."""
        return (x.reshape(*x.shape[:-3], -1) @ K.T).reshape(*x.shape[:-3], -1, n, n)

    def value(W, n, batch):
        x = rng_of(1).normal(size=(*batch, W.shape[1], n, n))
        K, rolled, turned = matrix(W, n), matrix(W, n, sign=-1), W[:, :, ::-1, ::-1]
        exchanged, centred = matrix(W.swapaxes(2, 3), n), matrix(W, n, centre=1)
        mistakes = {
            "x rolls the wrong way: x(p + q) is np.roll(x, (-q₁, -q₂), …)": rolled,
            "the axes of the stencil, or of the image, are exchanged": exchanged,
            "the stencil is centred: here q goes from 0 to r − 1": centred,
            "outside of the image are no zeros, it goes round": matrix(W, n, torus=0),
            "the stencil is read backwards": matrix(turned, n),
            "it is the last entry of the stencil alone: sum over q": matrix(last(W), n),
        }
        if len(W) == W.shape[1]:
            other = matrix(W.swapaxes(0, 1), n)
            mistakes["the channels of W are exchanged: W[o, i] takes i to o"] = other
        mistakes = {words: image(M, x, n) for words, M in mistakes.items()}
        return compare(Answer(W, n), x, image(K, x, n), mistakes)

    def adjoint(W, n, batch):
        w = rng_of(2).normal(size=(*batch, len(W), n, n))
        K, rolled = matrix(W, n), matrix(W, n, sign=-1)
        mistakes = {
            "the axes of the stencil, or of w, are exchanged": matrix(
                W.swapaxes(2, 3), n
            ).T,
            "it is the last entry of the stencil alone: sum over q": matrix(
                last(W), n
            ).T,
        }
        if len(W) == W.shape[1]:
            turned = matrix(W.swapaxes(0, 1), n)
            mistakes |= {
                "it is Kw: who is a neighbour of p, and in which channel?": K,
                "the channels are right, but w must roll the other way": turned,
                "w rolls the right way, but W[o, i] takes o to i now": rolled,
            }
        mistakes = {words: image(M, w, n) for words, M in mistakes.items()}
        return compare(Answer(W, n).adjoint, w, image(K.T, w, n), mistakes)

    def failed(said):
        return checks.Check("what is returned", np.inf, 0, said)

    def blur():
        if Answer.blur is None:
            raise NotImplementedError("Task 3: set blur = (largest, smallest)")
        c = np.array([1.0, 2.0, 1.0]) / 4
        s = np.linalg.svd(matrix(np.outer(c, c)[None, None], 8), compute_uv=False)
        found = np.sort(np.ravel(np.asarray(Answer.blur, float)))[::-1]
        if found.shape != (2,):
            return failed(f"largest and smallest are two numbers, got {Answer.blur}")
        said = []
        if abs(found[0] - s[0]) > 1e-9:
            why = "what becomes of an image of equal pixels?"
            said.append(f"the largest is not {found[0]:.4g}: {why}")
        if abs(found[1] - s[-1]) > 1e-9:
            why = "what becomes of a chessboard, ±1?"
            said.append(f"the smallest is not {found[1]:.4g}: {why}")
        gap = np.abs(found - s[[0, -1]]).max()
        return checks.Check("blur", gap, 1e-9, "; ".join(said))

    def singular(W, n):
        K, (out, inn, r, _) = matrix(W, n), W.shape
        s, least = np.linalg.svd(K, compute_uv=False), min(out, inn)
        counts = {
            out * inn * n * n: "these are the entries of the symbols: take an SVD",
            r * r * least: "one matrix for each entry of the stencil: pad it, s=(n, n)",
            n * (n // 2 + 1) * least: "half of the frequencies: fft2, and not rfft2",
            n * n * r: "the FFT is over the pixels, and the SVD over the channels",
            n * n: "one number a frequency: each matrix has min(out, in) of them",
            max(out, inn) * n * n: "K has at most min(out, in)·n·n singular values",
            least: "that is one frequency of n·n",
            1: "that is one number: all singular values are asked for",
        }
        found = Answer(W, n).singular_values()
        if found is None:
            return failed("singular_values() gives None: is there a return?")
        found = np.ravel(found)
        if found.size != s.size:
            said = f"needed are {s.size} singular values, got {found.size}"
            if found.size in counts:
                said += f": {counts[found.size]}"
            return failed(said)
        mistakes = {
            "these are eigenvalues of KᵀK: take square roots": s**2,
            "the FFT is divided by n: leave norm='ortho' out": s / n,
            "the FFT is divided by n²: is it ifft2, or norm='forward'?": s / n**2,
        }
        if out == inn:
            of_K = np.abs(np.linalg.eigvals(K))
            mistakes["these are eigenvalues of the symbols, which are not normal"] = (
                of_K
            )
        mistakes = {words: np.sort(y) for words, y in mistakes.items()}
        return compare(np.sort, found, np.sort(s), mistakes)

    def energy():
        W, n = rng_of(4).normal(size=(4, 3, 3, 3)), 32
        found = np.sum(np.square(Answer(W, n).singular_values())) / n**2
        gap = abs(found / np.sum(W * W) - 1)
        said = f"Σ s² is n²·{found:.6g}, and n² Σ W² is n²·{np.sum(W * W):.6g}"
        return checks.Check("energy", gap, 1e-12, said)

    def projection(W, n):
        F, K = Answer(W, n), matrix(W, n)
        U, s, Vt = np.linalg.svd(K, full_matrices=False)
        right = stencil(U * np.minimum(s, 1) @ Vt, len(W))
        found = np.asarray(F.projection())
        if found.dtype.kind == "O":
            return failed("projection() gives no array: is there a return?")
        if found.shape == W.shape:
            return failed("it is r × r: the projection is a stencil of n × n entries")
        if found.shape == (n, n, *W.shape[:2]):
            return failed("its axes are (n, n, out, in), needed are (out, in, n, n)")
        turned = right[:, :, -np.arange(n)][:, :, :, -np.arange(n)]
        scaled, isometry, larger = (
            stencil(M, len(W)) for M in (K / s[0], U @ Vt, U * np.maximum(s, 1) @ Vt)
        )
        mistakes = {
            "it is K/‖K‖, which is in the ball, but there is a nearer one": scaled,
            "all singular values are 1: those below 1 stay": isometry,
            "those below 1 become 1, and those above stay: min and not max": larger,
            "it is K itself: no singular value is changed": stencil(K, len(W)),
            "it is at −q what it should be at q: fft2 goes with ifft2": turned,
            "it is fft2 of the symbols: the way back is ifft2": turned * n**2,
            "it is n² times too large": right * n**2,
            "it is n² times too small": right / n**2,
            "its channels are exchanged": right.swapaxes(0, 1),
        }
        check = compare(lambda _: found, W, right, mistakes, 1e-10)
        if found.shape == right.shape and check.detail.startswith("it is ["):
            values = np.linalg.svd(matrix(found, n), compute_uv=False)
            if np.allclose(values, np.minimum(s, 1), 1e-6):
                check.detail = (
                    "its singular values are right, its singular vectors are not: svd "
                    "returns U, s and Vᴴ, and not V"
                )
        return check

    def cut():
        found = np.asarray(Answer(W2, 6).cut())
        if found.shape != W2.shape or found.dtype.kind != "f":
            needed = f"needed is a real stencil of shape {W2.shape}"
            return failed(f"{needed}, got {found.dtype} of shape {found.shape}")
        norm = np.linalg.norm(matrix(found, 6), 2)
        said = f"its norm is {norm:.6g}: what has the cut done? Divide at the end"
        return checks.Check("cut", norm, 1 + 1e-10, said)

    def nearer():
        found, norm = Answer(W2, 6).cut(), np.linalg.norm(matrix(W2, 6), 2)
        ratio = np.linalg.norm(found - W2) / np.linalg.norm(W2 / norm - W2)
        said = f"its distance from W is {ratio:.3g} times that of W/‖K‖"
        return checks.Check("distance", ratio, 0.99, said)

    W2, W32 = drawn(7, 2), drawn(8, 3)
    return [
        Question("1.1 value, two channels", lambda: value(W2, 5, ())),
        Question(
            "1.2 value, 2 channels to 3, a batch",
            lambda: value(W32, 5, (2, 3)),
            after="1.1",
        ),
        Question("2.1 adjoint, two channels", lambda: adjoint(W2, 5, ())),
        Question(
            "2.2 adjoint, 3 channels to 2, a batch",
            lambda: adjoint(W32, 5, (2, 3)),
            after="2.1",
        ),
        Question("3.1 the blur, predicted", blur),
        Question("4.1 singular values, two channels", lambda: singular(W2, 4)),
        Question(
            "4.2 singular values, 2 channels to 3",
            lambda: singular(W32, 5),
            after="4.1",
        ),
        Question("4.3 Σ s² = n² Σ W², 32 × 32 pixels", energy, after="4.2"),
        Question(
            "5.1 projection, two channels", lambda: projection(W2, 6), after="4.1"
        ),
        Question(
            "5.2 projection, 2 channels to 3",
            lambda: projection(W32, 5),
            after="5.1",
        ),
        Question(
            "5.3 what is in the ball stays",
            lambda: projection(0.1 * W32, 5),
            after="5.1",
        ),
        Question("6.1 cut: a stencil, in the ball", cut, after="5.1"),
        Question("6.2 cut: nearer than W/‖K‖", nearer, after="6.1"),
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
