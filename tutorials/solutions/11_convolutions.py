# %% [markdown]
# # 11. Convolutions: solutions

# %%
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, checks, lipschitz
from dynsys_nn.constraints import weights

rng = np.random.default_rng(0)

# %% [markdown]
# ## Exercise 1
# The symbol is $\frac12(1 + e^{i\omega})$ up to a phase, of modulus
# $|\cos\frac\omega2|$ at $\omega = 2\pi k/W$. For $W = 8$ there is $\omega = \pi$, the
# wave + − + − …, whose neighbours have the mean 0: it is forgotten. For $W = 7$ the
# nearest is $\frac67\pi$, with $\cos\frac{3\pi}7 = 0.22$: small, but nothing is lost.
#
# 300 descents take it to the identity, nearly. All frequencies share three numbers, so
# the 0 does not stay where it is, as it would for a matrix. What is left beside the
# centre is $\pm0.06$, with opposite signs: an imaginary part of the symbol, which
# changes its modulus in second order only.

# %%
for width in (7, 8):
    stencil = np.zeros((1, 1, 3, 3))
    stencil[0, 0, 1, :2] = 0.5
    A = dnn.Convolution(1, 1, (8, width), W=stencil)
    by_hand = np.abs(np.cos(np.pi * np.arange(width) / width))
    np.testing.assert_allclose(A.singular_range(), (by_hand.min(), 1), atol=1e-13)
    dnn.TowardsOrthogonal(A, descents=300).project()
    print(f"width {width}: from {by_hand.min():.3f} … 1 to", *A.singular_range())
    print(A.W[0, 0].round(3))
    assert 0.99 < A.singular_range()[0] and A.singular_range()[1] < 1.01
    left, centre, right = A.W[0, 0, 1]
    assert centre > 0.99 and abs(left + right) < 1e-2 < left

# %% [markdown]
# ## Exercise 2
# Four times as much: $1/0.25$ from the first layer, and 1 from the others. A margin $m$
# of the logits is a radius of $m/(\sqrt2\cdot4)$ in the pixels, so $m$ must be four
# times as large, 2 in place of 0.5. Nothing is gained by a scale.


# %%
def network(scale=1.0, width=8, with_both=True):
    """The tutorial's network, its constraints and penalties, or the ball alone."""
    rng, image = np.random.default_rng(1), (8, 8)
    stencils = [
        dnn.Convolution(width, width, image, rng=rng, dtype=np.float32)
        for _ in range(2)
    ]
    pool = dnn.AveragePooling(width, image)
    last = dnn.Affine(10, pool.dim_out, rng=rng, dtype=np.float32)
    net = dnn.Network(
        dnn.Standardisation(1, image, 0.3, scale),
        dnn.ChannelLift(width, 1, image),
        *[dnn.Flow(dnn.GradientField(A, dnn.ReLU()), 2.0) for A in stencils],
        pool,
        last,
    )
    constraints = [dnn.SpectralBall(*stencils), dnn.Orthogonal(last)]
    constraints.append(dnn.SpectralBall(last))
    if not with_both:
        return net, constraints, []
    towards = dnn.TowardsOrthogonal(*stencils, descents=2)
    penalty = dnn.OrthogonalityPenalty(*stencils, weight=0.1)
    return net, [towards, *constraints], [penalty]


ell = {}
for scale in (1.0, 0.25):
    net, constraints, _ = network(scale)
    for constraint in constraints:
        constraint.project()
    ell[scale] = net.lipschitz()
    print(f"scale {scale}: ℓ = {ell[scale]:.7f}")
assert abs(ell[0.25] / ell[1.0] - 4) < 1e-6

# %% [markdown]
# ## Exercise 3
# They save all singular values but the largest. At this rate a step of Adam takes the
# stencils far from orthogonal; the ball alone divides them by what sticks out, and the
# small ones become smaller each time: after 3 epochs half of them are below 0.2, and
# some below 0.01, so that most of the image is forgotten. With the two, most are near
# 1, none is below 0.1, and more is certified.

# %%
x, y = dnn.datasets.digits()
order = rng.permutation(len(x))
x, x_test = np.split(x[order].astype(np.float32), [1400])
y, y_test = np.split(y[order], [1400])
found = {}
for with_both in (True, False):
    net, constraints, penalties = network(with_both=with_both)
    adam, hinge = dnn.Adam(5e-2, beta2=0.99), dnn.MulticlassHinge(0.5)
    options = dict(batch_size=50, constraints=constraints, penalties=penalties, rng=0)
    dnn.fit(net, hinge, x, y, adam, 3, **options)
    symbols = [A.symbols() for A in weights(net)[:-1]]
    s = np.linalg.svd(symbols, compute_uv=False)
    clean = attacks.accuracy(net, None, x_test, y_test)
    sure = lipschitz.certified_accuracy(net, x_test, y_test, 0.3)
    print("penalty and descents:" if with_both else "the ball alone:     ", end=" ")
    print(f"smallest {s.min():.4f}, median {np.median(s):.3f},", end=" ")
    print(f"{clean:.1%} right, {sure:.1%} certified at 0.3")
    found[with_both] = s.min(), np.median(s), sure
(least, half, sure), (least_alone, half_alone, sure_alone) = found.values()
assert least > 0.1 > 0.01 > least_alone and half > 0.8 > 0.2 > half_alone
assert sure > sure_alone + 0.05

# %% [markdown]
# ## Exercise 4
# As large as they like. $\nabla V(q) = A^\top\sigma(Aq + b)$ is a gradient for *every*
# $A$, and a shear by a gradient is symplectic for every step: there is no hypothesis to
# be kept true by a constraint. (Lipschitz it is not with a small constant, for large
# $A$: the two properties have nothing to do with each other.)

# %%
image = (4, 5)
for size in (1.0, 30.0):
    parts = []
    for sign in (1, -1):
        A = dnn.Convolution(2, 2, image, rng=rng)
        A.theta = size * (A.theta + 0.2 * rng.normal(size=A.theta.size))
        parts.append(dnn.GradientField(A, dnn.Tanh(), sign=sign))
    X = dnn.PartitionedField(*parts)
    step = dnn.Flow(X, 0.1, dnn.SymplecticEuler())
    check = checks.symplectic(step, rng.normal(size=(3, 80)))
    print(f"‖A‖ = {A.lipschitz():5.2f} ", check)
    assert check.passed and "symplectic" in step.keeps
