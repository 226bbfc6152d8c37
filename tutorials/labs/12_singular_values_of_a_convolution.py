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

    def stencil(K, out):
        """The stencil (out, in, n, n) of a matrix K: what pixel 0 of y sees."""
        n = round((len(K) / out) ** 0.5)
        return K.reshape(out, n, n, -1, n, n)[:, 0, 0]

    def failed(said):
        return checks.Check("what is returned", np.inf, 0, said)

    def images(name, f, K, n, mistakes, *batch):
        """f against K, for images; mistakes: words → a matrix."""
        x = rng.normal(size=(*batch, K.shape[1] // n**2, n, n))
        x.flags.writeable = False

        def times(M):
            return (x.reshape(*batch, -1) @ M.T).reshape(*batch, -1, n, n)

        try:
            found = f(x)
        except ValueError as error:
            if str(error).endswith("read-only"):
                raise
            said = (
                f"images of shape {x.shape} do not fit: channels are axis -3, pixels "
            )
            said += "the last two, which are those that @ takes"
            raise ValueError(said).with_traceback(error.__traceback__) from None
        right, named = times(K), {words: times(M) for words, M in mistakes.items()}
        for s in [] if batch else list(np.ndindex(n, n))[1:]:
            words = f"it is right, but moved by {s} pixels: where is q = (0, 0)?"
            named[words] = np.roll(right, s, axis=(-2, -1))
        return checks.compared(name, found, right, named, 1e-12)

    def value():
        r = W2.shape[-1]
        mistakes = {
            "x rolls the wrong way: x(p + q) is np.roll(x, (-q₁, -q₂), …)": matrix(
                W2, 5, lambda q: -q
            ),
            "the axes of the stencil, or of the image, are exchanged": matrix(
                W2, 5, lambda q: q[::-1]
            ),
            "the stencil is read backwards": matrix(W2, 5, lambda q: r - 1 - q),
            "what has been rolled is rolled again: roll x itself": matrix(
                W2, 5, lambda q: (q[0], r * q[0] + q[1])
            ),
            "outside of the image are no zeros, it goes round": matrix(W2, 5, torus=0),
            "the channels are exchanged: W[o, i] takes i to o": matrix(
                W2.swapaxes(0, 1), 5
            ),
            "it is the last entry of the stencil alone: sum over q": matrix(
                W2 * np.eye(r * r)[-1].reshape(r, r), 5
            ),
        }
        return images("value", Answer(W2, 5), matrix(W2, 5), 5, mistakes)

    def adjoint():
        K, of_channels = matrix(W2, 5), matrix(W2.swapaxes(0, 1), 5)
        mistakes = {
            "it is Kw: who is a neighbour of p, and in which channel?": K,
            "the channels are right, but w must roll the other way": of_channels,
            "w rolls the right way, but W[o, i] takes o to i now": of_channels.T,
            "the axes of the stencil, or of w, are exchanged": matrix(
                W2.swapaxes(2, 3), 5
            ).T,
        }
        return images("adjoint", Answer(W2, 5).adjoint, K.T, 5, mistakes)

    def blur():
        if Answer.blur is None:
            raise NotImplementedError("Task 3: set blur = (largest, smallest)")
        c = np.array([[1.0, 2.0, 1.0]])
        right = values(matrix((c.T @ c / 16)[None, None], 8))[[0, -1]]
        found = np.sort(np.ravel(Answer.blur).astype(float))[::-1]
        if found.shape != (2,):
            return failed(f"largest and smallest are two numbers, got {Answer.blur}")
        looks = "an image of equal pixels", "a chessboard, ±1"
        said = [
            f"it is not {number:.4g}: what becomes of {look}?"
            for number, true, look in zip(found, right, looks, strict=True)
            if abs(number - true) > 1e-9
        ]
        return checks.Check("blur", abs(found - right).max(), 1e-9, "; ".join(said))

    def singular(W, n):
        K, (out, inn, r, _) = matrix(W, n), W.shape
        s, found = values(K), Answer(W, n).singular_values()
        if isinstance(found, tuple):
            return failed("a tuple: np.linalg.svd returns U, s and Vᴴ, and s is needed")
        counts = {
            out * inn * n * n: "these are the entries of the symbols: take an SVD",
            r * r * inn: "one matrix for each entry of the stencil: pad it, s=(n, n)",
            n * (n // 2 + 1) * inn: "half of the frequencies: fft2, and not rfft2",
            n * n * r: "the FFT is over the pixels, and the SVD over the channels",
            n * n: "one number a frequency: each matrix has min(out, in) of them",
            1: "that is one number: all singular values are asked for",
        }
        if found is not None and np.size(found) != s.size:
            said = f"needed are {s.size} singular values, got {np.size(found)}"
            return failed(f"{said}: {counts.get(np.size(found), 'of which matrices?')}")
        mistakes = {"these are eigenvalues of KᵀK: take square roots": np.sort(s**2)}
        mistakes["divided by n: leave norm='ortho' out"] = np.sort(s / n)
        mistakes["divided by n²: is it ifft2?"] = np.sort(s / n**2)
        even = (K + matrix(W, n, lambda q: -q)) / 2
        mistakes["the symbols are complex: .real is too early"] = np.sort(values(even))
        if out == inn:
            of_K = np.sort(np.abs(np.linalg.eigvals(K)))
            mistakes["these are eigenvalues of the symbols: take singular values"] = (
                of_K
            )
        found = None if found is None else np.sort(np.ravel(found))
        check = checks.compared("singular values", found, np.sort(s), mistakes, 1e-12)
        same = found is not None and np.isclose(
            np.linalg.norm(found), np.linalg.norm(s)
        )
        if not check.passed and same:
            check.detail = (
                "Σ s² is right, but the matrices are not: are axes moved, so "
            )
            check.detail += "that out and in are the last two, or was it a reshape?"
        return check

    def energy():
        W, n = rng.normal(size=(4, 3, 3, 3)), 32
        found = np.sum(np.square(Answer(W, n).singular_values())) / n**2
        return checks.compared("Σ s²/n²", found, np.sum(W * W), limit=1e-12)

    def projection(W, n):
        K, r = matrix(W, n), W.shape[-1]
        U, s, Vt = np.linalg.svd(K, full_matrices=False)
        right, found = (
            stencil(U * np.minimum(s, 1) @ Vt, len(W)),
            Answer(W, n).projection(),
        )
        turned = right[:, :, -np.arange(n)][:, :, :, -np.arange(n)]
        mistakes = {
            "it is r × r: the projection is a stencil of n × n entries": right[
                ..., :r, :r
            ],
            "its axes are (n, n, out, in), needed are (out, in, n, n)": np.moveaxis(
                right, (0, 1), (-2, -1)
            ),
            "it is K/‖K‖, which is in the ball, but there is a nearer one": stencil(
                K / s[0], len(W)
            ),
            "all singular values are 1: those below 1 stay": stencil(U @ Vt, len(W)),
            "those below 1 become 1, and those above stay: min and not max": stencil(
                U * np.maximum(s, 1) @ Vt, len(W)
            ),
            "it is K itself: no singular value is changed": stencil(K, len(W)),
            "it is fft2 of the symbols: the way back is ifft2": turned * n**2,
            "it is at −q what it should be at q: fft2 goes with ifft2": turned,
            "it is the modulus: a stencil has signs, take .real": np.abs(right),
        }
        check = checks.compared("projection", found, right, mistakes)
        if (
            not check.passed
            and np.shape(found) == right.shape
            and "needed" in check.detail
        ):
            of_found = values(matrix(np.real(found), n))
            if np.allclose(of_found, np.minimum(s, 1), 1e-6):
                said = (
                    "its singular values are right, its singular vectors are not: svd "
                )
                said += "returns Vᴴ, and not V; and each s belongs to a column of U"
                check.detail = said
        return check

    def distance(rounds):
        """‖cut − W‖, relative to that of W/‖K‖."""
        norm = values(matrix(W2, 6))[0]
        gap = np.linalg.norm(Answer(W2, 6).cut(rounds) - W2)
        return gap / np.linalg.norm(W2 / norm - W2)

    def cut():
        K = Answer(W2, 6)
        found = np.asarray(K.cut())
        if found.shape != W2.shape or found.dtype.kind != "f":
            needed = f"needed is a real stencil of shape {W2.shape}"
            return failed(f"{needed}, got {found.dtype} of shape {found.shape}")
        if K.W is not W2:
            return failed("cut changes self.W: K is another matrix after it")
        norm = values(matrix(found, 6))[0]
        said = f"its norm is {norm:.6g}: what has the cut done? Divide at the end"
        return checks.Check("cut", norm, 1 + 1e-10, said)

    def nearer():
        ratio, norm = distance(20), values(matrix(Answer(W2, 6).cut(), 6))[0]
        said = f"its distance from W is {ratio:.3g} times that of W/‖K‖"
        if norm < 0.99:
            said += f", and its norm only {norm:.3g}: what is it divided by?"
        return checks.Check("distance", ratio, 0.99, said)

    def rounds():
        ratio = distance(20) / distance(1)
        said = (
            f"the distance after 20 rounds is {ratio:.4g} times that after one: does "
        )
        said += "each round project what the last one has left?"
        return checks.Check("rounds", ratio, 0.99, said)

    W2, W32 = drawn(2), drawn(3)

    def many(name, f, K):
        return images(name, f, K, 5, {}, 2, 3)

    F, K = Answer(W32, 5), matrix(W32, 5)
    return [
        Question("1.1 value, two channels", value),
        Question(
            "1.2 value, 2 channels to 3",
            lambda: images("value", F, K, 5, {}),
            after="1.1",
        ),
        Question("1.3 value, two batch axes", lambda: many("value", F, K), after="1.2"),
        Question("2.1 adjoint, two channels", adjoint),
        Question(
            "2.2 adjoint, 3 channels to 2, batches",
            lambda: many("adjoint", F.adjoint, K.T),
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
            "5.2 projection, 2 channels to 3", lambda: projection(W32, 5), after="5.1"
        ),
        Question(
            "5.3 what is in the ball stays",
            lambda: projection(0.1 * W32, 5),
            after="5.1",
        ),
        Question("6.1 cut: a stencil, in the ball", cut, after="5.1"),
        Question("6.2 cut: nearer than W/‖K‖", nearer, after="6.1"),
        Question("6.3 cut: nearer in each round", rounds, after="6.2"),
    ]


if __name__ == "__main__":
    checks.run(questions(Convolution)).exit()
