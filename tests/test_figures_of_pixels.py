"""What the figure of a drifting pattern says, against waves added up and stencils moved by hand."""

import re

import matplotlib.pyplot as plt
import numpy as np

from figures import pixel_pdes

N = pixel_pdes.PIXELS


def moved_waves(u, v):
    """The image u(p − v), from the coefficients of its waves, one by one."""
    u_hat, image, p = np.fft.fft2(u.reshape(N, N)) / N**2, 0.0, np.arange(N)
    k = np.fft.fftfreq(N, 1 / N)
    for i, j in np.argwhere(abs(u_hat) > 1e-12):
        phase = k[i] * (p[:, None] - v[0]) + k[j] * (p - v[1])
        image = image + (u_hat[i, j] * np.exp(2j * np.pi * phase / N)).real
    return image.ravel()


def correlated(W, u):
    """Σ_q W(q) u(p + q − 2) for images (..., N, N), q over 5×5 pixels."""
    shifts = [(q, np.roll(u, (2 - q[0], 2 - q[1]), axis=(-2, -1))) for q in np.ndindex(5, 5)]
    return sum(W[q] * moved for q, moved in shifts)


def by_hand(theta, u, steps, keep):
    """Steps of Heun's method for K ∗ u + B ∗ max(au + b, 0)², with the norm kept or not."""
    K, (a, b), B = theta[:25].reshape(5, 5), theta[25:27], theta[27:].reshape(5, 5)

    def norm(u):
        return np.sqrt((u * u).sum(axis=(-2, -1), keepdims=True))

    def slope(u):
        X = correlated(K, u) + correlated(B, np.maximum(a * u + b, 0) ** 2)
        return X - (X * u).sum(axis=(-2, -1), keepdims=True) / norm(u) ** 2 * u if keep else X

    u = u.reshape(-1, N, N)
    film = [u]
    for _ in range(steps):
        k = slope(u)
        y = u + (k + slope(u + k)) / 2
        u = y * norm(u) / norm(y) if keep else y
        film.append(u)
    return np.stack(film, axis=1).reshape(len(u), steps + 1, N * N)


def test_of_two_networks_that_learned_one_film_the_one_that_keeps_the_norm_does_not_run_away():
    """Frame 40 of 120, the curves up to it, and the title."""
    fig = pixel_pdes.make(quick=True)
    plt.close(fig)
    axes, (above, below) = np.reshape(fig.axes[:9], (3, 3)), fig.axes[9:]
    u, v, n = pixel_pdes.patterns(4, N, np.random.default_rng([1, 1])), np.array([0.6, 0.3]), 40
    thetas = pixel_pdes.train(tuple(v), 0.02, 4, 1, 40)
    free, kept = (
        by_hand(theta, u, n, keep) for theta, keep in zip(thetas, (False, True), strict=True)
    )
    true = {k: np.array([moved_waves(x, k * v) for x in u]) for k in (1, n)}
    assert [ax.get_title() for ax in axes[0]] == ["frame 40", "frame 80", "frame 120"]
    for row, film in zip(axes, (true, free[0], kept[0]), strict=True):
        image, most = film[n][0] if film is true else film[n], abs(u[0]).max()
        expected = np.clip(image, -most, most).reshape(N, N)
        np.testing.assert_allclose(row[0].images[0].get_array(), expected, atol=1e-9)
    size, last = np.linalg.norm(u, axis=-1), []
    for film, *lines in zip((kept, free), above.lines, below.lines, strict=True):
        norms, errors = (line.get_ydata() for line in lines)
        expected = np.median(np.linalg.norm(film, axis=-1) / size[:, None], axis=0)
        np.testing.assert_allclose(norms[: n + 1], expected, rtol=1e-9)
        for k, moved in true.items():
            error = np.median(np.linalg.norm(film[:, k] - moved, axis=-1) / size)
            assert abs(errors[k - 1] / error - 1) < 1e-8
        last.append((norms[-1], errors[-1]))
    assert [float(p) for p in re.findall(r"([\d.]+) %", fig.get_suptitle())] == [
        float(f"{100 * error:.2g}") for _, error in reversed(last)
    ]
    (norm_kept, error_kept), (norm_free, error_free) = last
    assert abs(norm_kept - 1) < 1e-13 and norm_free > 1.3 and error_free > 1.2 * error_kept


def test_lines_are_medians_over_the_patterns_and_what_runs_away_is_beyond_all(rng):
    u = rng.normal(size=(5, 3, 4))
    u[0, 1:], u[1, 2], u[2, 2], u[3, 1] = np.nan, np.inf, 1e200, 1e300
    found = pixel_pdes.length(u)
    assert found[0] == sorted(np.linalg.norm(u[:, 0], axis=-1))[2]
    assert found[1] == max(np.linalg.norm(u[k, 1]) for k in (1, 2, 4)) and found[2] == np.inf
    said = {1e-16: "<0.1", 0.0123: "1.2", 0.1234: "12", 1.234: "120", 10: ">1000", np.inf: ">1000"}
    assert {x: pixel_pdes.percent(x) for x in said} == said
