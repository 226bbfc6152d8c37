"""Implicit Runge–Kutta methods: their tableaus, the stages that they solve for, and what follows from M."""

import re
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import root
from zoo import IMPLICIT_RUNGE_KUTTA, energetic, points, residual, shear, sphere

import dynsys_nn as dnn
from dynsys_nn import checks, systems
from dynsys_nn.integrators import tableau_order
from dynsys_nn.integrators.tableaus import stability_matrix

B_STABLE = [
    dnn.ImplicitEuler(), dnn.ImplicitMidpoint(), dnn.Gauss(2), dnn.Gauss(3), dnn.RadauIIA(2), dnn.RadauIIA(3),
]  # fmt: skip

# ---- the tableaus


@pytest.mark.parametrize("s", [1, 2, 3, 4, 5, 6, 7, 8, 16, 32])
@pytest.mark.parametrize("family", [dnn.Gauss, dnn.RadauIIA])
def test_collocation_meets_butchers_simplifying_conditions(family, s):
    """B(p), C(s) and D(p − s), which give order p: that of the theorem, far beyond what trees can be listed for."""
    method = family(s)
    A, b = np.array(method.A), np.array(method.b)
    c, p = A.sum(axis=1), method.order
    assert p == (2 * s if family is dnn.Gauss else 2 * s - 1)
    for k in range(1, p + 1):
        assert abs(b @ c ** (k - 1) - 1 / k) <= 1e-14
    for k in range(1, s + 1):
        assert np.abs(A @ c ** (k - 1) - c**k / k).max() <= 1e-14
    for k in range(1, p - s + 1):
        assert np.abs((b * c ** (k - 1)) @ A - b * (1 - c**k) / k).max() <= 1e-14
    assert abs(b @ c**p - 1 / (p + 1)) > 1e-4 / 4**p  # and not one more
    assert tableau_order(A, b) == min(p, 6)


def test_collocation_tableaus_are_those_of_the_books():
    r, q = np.sqrt(3) / 6, np.sqrt(6)
    np.testing.assert_allclose(dnn.Gauss(2).A, [[1 / 4, 1 / 4 - r], [1 / 4 + r, 1 / 4]], rtol=1e-14)
    A = [
        [(88 - 7 * q) / 360, (296 - 169 * q) / 1800, (-2 + 3 * q) / 225],
        [(296 + 169 * q) / 1800, (88 + 7 * q) / 360, (-2 - 3 * q) / 225],
        [(16 - q) / 36, (16 + q) / 36, 1 / 9],
    ]
    np.testing.assert_allclose(dnn.RadauIIA(3).A, A, rtol=1e-13)
    np.testing.assert_allclose(dnn.RadauIIA(3).b, A[-1], rtol=1e-13)


def test_m_is_zero_for_gauss_alone_and_positive_semidefinite_for_radau():
    for s in (1, 2, 3, 5, 8):
        gauss, radau = dnn.Gauss(s), dnn.RadauIIA(s)
        assert np.abs(stability_matrix(gauss.A, gauss.b)).max() <= 1e-15 and gauss.symmetric
        low, *_, high = [0, *np.linalg.eigvalsh(stability_matrix(radau.A, radau.b))]
        assert low > -1e-15 and high > 1e-4 and not radau.symmetric
        assert gauss.contractivity_radius() == radau.contractivity_radius() == np.inf
    assert not any(m.symmetric for m in (dnn.RK4(), dnn.Euler(), dnn.ImplicitEuler()))


PADE = {
    "Gauss(1)": ([1, 1 / 2], [1, -1 / 2]),
    "Gauss(2)": ([1, 1 / 2, 1 / 12], [1, -1 / 2, 1 / 12]),
    "Gauss(3)": ([1, 1 / 2, 1 / 10, 1 / 120], [1, -1 / 2, 1 / 10, -1 / 120]),
    "RadauIIA(1)": ([1], [1, -1]),
    "ImplicitEuler()": ([1], [1, -1]),
    "RadauIIA(2)": ([1, 1 / 3], [1, -2 / 3, 1 / 6]),
    "RadauIIA(3)": ([1, 2 / 5, 1 / 20], [1, -3 / 5, 3 / 20, -1 / 60]),
}


@pytest.mark.parametrize("name", PADE)
def test_stability_functions_are_the_pade_approximations_of_the_exponential(name, rng):
    method, (above, below) = eval(f"dnn.{name}"), PADE[name]
    z = rng.normal(size=(40, 2)) @ [3, 3j]
    R = np.polyval(above[::-1], z) / np.polyval(below[::-1], z)
    np.testing.assert_allclose(method.stability_function(z), R, rtol=1e-13)
    left = -np.abs(z.real) + 1j * z.imag
    assert (abs(method.stability_function(left)) <= 1).all()  # A-stable
    at_infinity = abs(method.stability_function([-1e9, 1e120j, -1e300]))
    np.testing.assert_allclose(at_infinity, float("Gauss" in name), atol=1e-6)
    limit = 1 - method.b @ np.linalg.solve(method.A, np.ones(method.stages))
    at_infinity = method.stability_function([np.inf, -np.inf, complex(0, np.inf)])
    np.testing.assert_allclose(at_infinity, limit, rtol=1e-12, atol=1e-12)
    assert np.isinf(dnn.RK4().stability_function([np.inf, complex(-np.inf, 0)])).all()
    trapezoidal = dnn.RungeKutta([[0, 0], [1 / 2, 1 / 2]], [1 / 2, 1 / 2])  # its A is singular
    assert trapezoidal.stability_function(-1e300) == -1


# ---- the steps


def test_gauss_of_one_stage_is_the_implicit_midpoint_rule_to_the_bit(rng):
    for X in (energetic(rng), residual(rng)):
        x, w = points(rng, (50,)), points(rng, (50,))
        for one, other in (
            (dnn.Gauss(1), dnn.ImplicitMidpoint()),
            (dnn.RadauIIA(1), dnn.ImplicitEuler()),
        ):
            np.testing.assert_array_equal(one.step(X, x, 0.3), other.step(X, x, 0.3))
            for a, b in zip(one.vjp(X, x, 0.3)[1](w), other.vjp(X, x, 0.3)[1](w), strict=True):
                np.testing.assert_array_equal(a, b)


def test_implicit_euler_is_half_a_midpoint_step_of_twice_the_size():
    X, x, h = systems.lotka_volterra(), np.array([[0.7, 1.9], [2.0, 1.0]]), 0.3
    y = dnn.ImplicitEuler().step(X, x, h)
    np.testing.assert_allclose(y, x + h * X(y), rtol=1e-14)
    np.testing.assert_allclose(y, (x + dnn.ImplicitMidpoint().step(X, x, 2 * h)) / 2, rtol=1e-14)


@pytest.mark.parametrize("method", IMPLICIT_RUNGE_KUTTA, ids=repr)
def test_a_step_solves_the_equations_of_its_tableau(method, rng):
    """By scipy, from another start."""
    X, x, h = residual(rng), points(rng, ()), 0.4
    A, b, s = np.array(method.A), np.array(method.b), len(method.b)
    Y = root(lambda Y: Y - np.ravel(x + h * A @ X(Y.reshape(s, 4))), np.ones(4 * s), tol=1e-14).x
    np.testing.assert_allclose(method.step(X, x, h), x + h * b @ X(Y.reshape(s, 4)), atol=1e-12)


def test_the_orders_of_collocation_are_seen():
    X, x = systems.pendulum(), np.array([1.0, 0.5])
    exact = dnn.exact_flow(X, x, 1.0)
    for method, n in (
        (dnn.ImplicitEuler(), 16), (dnn.Gauss(2), 8), (dnn.Gauss(3), 4), (dnn.RadauIIA(2), 8), (dnn.RadauIIA(3), 4),
    ):  # fmt: skip
        errors = [
            np.linalg.norm(dnn.Flow(X, 1 / m, method, steps=m)(x) - exact) for m in (n, 2 * n)
        ]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(method.order, abs=0.05), method


def test_energy_errors_of_gauss_on_an_eccentric_orbit():
    """Two periods of 60 steps; in fifty the largest are 7.126e-5 and 1.610e-6, and that of the momentum 3e-15."""
    X = systems.kepler(0.6)
    energy, momentum = X.invariants["energy"], X.invariants["angular_momentum"]
    for s, bound in ((2, 7.13e-5), (3, 1.611e-6)):
        states = dnn.Rollout(dnn.Flow(X, 2 * np.pi / 60, dnn.Gauss(s)), 120)(X.x0)
        off = np.abs(energy(states) - energy(X.x0)).max()
        assert 0.9 * bound < off <= bound
        assert np.abs(momentum(states) - momentum(X.x0)).max() <= 1e-15 * 4


def test_implicit_euler_damps_the_oscillator():
    """By 1/(1 + h²) in a step: a step is a matrix, and 999 of them are its power."""
    X, n, h = systems.harmonic_oscillator(), 999, 40 / 999
    F = dnn.Flow(X, h, dnn.ImplicitEuler())
    R = F.jacobian(X.x0)
    np.testing.assert_allclose(F(X.x0), R @ X.x0, rtol=1e-14)
    x = np.linalg.matrix_power(R, n) @ X.x0
    assert 1 - x @ x == pytest.approx(1 - (1 + h * h) ** -n, abs=1e-13)
    assert 1 - x @ x == pytest.approx(0.798168, abs=5e-7)


def test_symmetric_methods_are_undone_by_the_step_backwards(rng):
    X, x = residual(rng), points(rng, (5,))
    symmetric = dnn.RungeKutta([[0, 0], [1 / 2, 1 / 2]], [1 / 2, 1 / 2])
    for method in (dnn.Gauss(2), dnn.Gauss(3), symmetric):
        np.testing.assert_allclose(method.inverse(X, method.step(X, x, 0.2), 0.2), x, atol=1e-13)
    with pytest.raises(NotImplementedError, match=r"RadauIIA has no explicit inverse"):
        dnn.RadauIIA().inverse(X, x, 0.2)
    yoshida = dnn.Yoshida(dnn.Gauss(2))
    assert yoshida.order == 6 and yoshida.symmetric


def test_a_shear_is_solved_exactly_by_implicit_stages(rng):
    X = dnn.PartitionedField(shear(rng, 2, 2), dnn.Zero(2, 2))
    x = points(rng, (5,))
    for method in IMPLICIT_RUNGE_KUTTA:
        assert method.solves(X)
        np.testing.assert_allclose(method.step(X, x, 0.7), x + 0.7 * X(x), atol=1e-14)


# ---- what is kept


def test_quadratic_invariants_are_kept_where_m_is_zero(rng):
    X = systems.rigid_body()
    for method in (
        dnn.Gauss(2), dnn.Gauss(3), dnn.RadauIIA(2), dnn.ImplicitEuler(), dnn.ExplicitMidpoint(),
    ):  # fmt: skip
        y = dnn.Flow(X, 0.7, method, steps=5)(X.x0)
        off = max(abs(I(y) - I(X.x0)) for I in X.invariants.values())
        gauss = isinstance(method, dnn.Gauss)
        assert off <= 2e-15 if gauss else off > 1e-5
        assert bool(method.preserves(X)) == gauss
    for method in IMPLICIT_RUNGE_KUTTA:  # mass is kept by all
        sir = systems.sir()
        assert "mass" in method.preserves(sir)
        assert abs(method.step(sir, sir.x0, 2.0).sum() - 1) <= 1e-15
    assert dnn.Gauss(2).preserves(sphere(rng)) == {"norm"} > dnn.RadauIIA(2).preserves(sphere(rng))


def test_gauss_is_symplectic_and_keeps_the_volume_of_any_partitioned_field_up_to_two_stages(rng):
    H, X, x = (
        energetic(rng),
        dnn.PartitionedField(shear(rng, 2, 2), shear(rng, 2, 2)),
        points(rng, (3,)),
    )
    for s in (2, 3):
        F = dnn.Flow(H, 0.5, dnn.Gauss(s))
        assert F.keeps == {"symplectic", "volume"}
        checks.symplectic(F, x).require()
        det = np.linalg.det(dnn.Flow(X, 1.0, dnn.Gauss(s)).jacobian(x))
        assert (np.abs(det - 1).max() <= 1e-14) == (s == 2)
        assert dnn.Gauss(s).preserves(X) == ({"volume"} if s == 2 else set())
    damped = dnn.Flow(H, 0.5, dnn.RadauIIA())
    assert not checks.symplectic(damped, x).passed and damped.keeps == set()


# ---- how far points are moved apart


class Known(dnn.Field):
    """X(x) = Mx, of which L and μ are known and no spectrum."""

    def __init__(self, M):
        self.M, self.dim_in = np.array(M, float), len(M)
        self.dim_out = self.dim_in

    def lipschitz(self):
        return float(np.linalg.norm(self.M, 2))

    def one_sided_lipschitz(self):
        return float(np.linalg.eigvalsh((self.M + self.M.T) / 2)[-1])

    def __call__(self, x):
        return x @ self.M.T

    def jacobian(self, x):
        return np.broadcast_to(self.M, (*x.shape, len(self.M)))

    def vjp(self, x):
        return self._value(x), lambda w: (w @ self.M, np.zeros(0))

    def jvp(self, x, v, dtheta=None):
        return self._value(x), v @ self.M.T


class Spectral(Known):
    """The same, of which the spectrum of the symmetric M is known."""

    has_spectrum = True

    def spectrum(self):
        low, *_, high = [*np.linalg.eigvalsh(self.M)]
        return float(low), float(high)


def stretch(X, h, method):
    return np.linalg.norm(dnn.Flow(X, h, method).jacobian(np.ones(X.dim)), 2)


@pytest.mark.parametrize("method", B_STABLE, ids=repr)
def test_b_stable_methods_move_no_points_apart_that_the_field_does_not(method, rng):
    damped = Known([[-0.3, 5.0], [-5.0, -0.3]])
    assert method.non_expansive_step(damped) == np.inf
    for h in (0.1, 1.0, 30.0):
        assert stretch(damped, h, method) <= method.lipschitz(damped, h) <= 1
    turning = Known([[0.0, 5.0], [-5.0, 0.0]])  # μ = 0, and Gauss attains 1
    assert method.lipschitz(turning, 3.0) == 1
    assert (stretch(turning, 3.0, method) > 1 - 1e-12) == (
        stability_matrix(method.A, method.b)[0, 0] < 1e-15
    )
    convex = dnn.GradientField(dnn.Dense(6, 4, rng=rng), dnn.Softplus())  # μ = 0, no linear field
    x, y = points(rng, (2, 50))
    for h in (1.0, 100.0):
        moved = np.diff(method.step(convex, np.stack([x, y]), h), axis=0)
        assert (np.linalg.norm(moved, axis=-1) <= np.linalg.norm(x - y, axis=-1)).all()
    growing = Known([[0.1, 5.0], [-5.0, 0.1]])
    with pytest.raises(NotImplementedError, match=rf"no step of {type(method).__name__} is known"):
        method.non_expansive_step(growing)


def test_methods_that_are_not_b_stable_are_not_said_to_be(rng):
    """M = 2a − 1 of one stage; r = 50 for a = 0.49."""
    nearly = dnn.RungeKutta([[0.49]], [1])
    turning = Known([[0.0, 5.0], [-5.0, 0.0]])
    with pytest.raises(NotImplementedError, match="is not known to contract"):
        nearly.non_expansive_step(turning)
    assert stretch(turning, 3.0, nearly) > 1 + 1e-3
    assert nearly.lipschitz(turning, 3.0) >= stretch(turning, 3.0, nearly)
    steep = Spectral([[-2.0, 0.0], [0.0, -1.0]])
    assert nearly.non_expansive_step(steep) == pytest.approx(50)
    assert nearly.lipschitz(steep, nearly.non_expansive_step(steep)) == 1
    assert nearly.lipschitz(steep, 51.0) > 1 + 1e-4
    singly = IMPLICIT_RUNGE_KUTTA[-1]
    H = singly.non_expansive_step(steep)
    assert H == pytest.approx(singly.contractivity_radius()) and 1 < H < 2
    assert stretch(steep, H, singly) <= singly.lipschitz(steep, H) == 1
    with pytest.raises(NotImplementedError, match="for steps 0 < h ≤ non_expansive_step"):
        singly.lipschitz(steep, 1.01 * H)
    with pytest.raises(NotImplementedError, match="got h = -0.1"):
        dnn.Gauss(2).lipschitz(steep, -0.1)
    negative = dnn.RungeKutta([[0.5, 0], [0.5, 0.5]], [1.5, -0.5])
    with pytest.raises(NotImplementedError, match="no step of RungeKutta is known"):
        negative.lipschitz(steep, 0.1)


@pytest.mark.parametrize("a", [1.0, 0.5, 0.75, 0.3])
@pytest.mark.parametrize("h", [0.1, 1.0, 1e6, -0.3])
def test_the_bound_of_one_implicit_stage_is_attained(a, h):
    """By what is known: a spectrum, or μ and L, where a turning field attains |b − a|/a in the limit."""
    method = dnn.RungeKutta([[a]], [1])
    for low, high in ((-2.0, -0.5), (-2.0, 0.0), (-1.0, 0.9)):
        X = Spectral(np.diag([low, high]))
        if a * max(h * low, h * high) >= 1:
            with pytest.raises(NotImplementedError, match=f"if hμ < {1 / a:.3g}, got hμ = "):
                method.lipschitz(X, h)
            continue
        assert method.lipschitz(X, h) == pytest.approx(stretch(X, h, method), rel=1e-9)
        end = high if h > 0 else low  # at which R(hλ) is largest if all that is known is μ, or L
        plain = Known(np.diag([low, high]))
        L = method.lipschitz(plain, h)
        assert L >= method.lipschitz(X, h) * (1 - 1e-15)
        z = Fraction(h) * Fraction(end)
        at_end = abs((1 + (1 - Fraction(a)) * z) / (1 - Fraction(a) * z))
        at_infinity = abs(1 - Fraction(a)) / Fraction(a)
        exact = max(at_end, at_infinity)
        if exact == at_infinity and h > 0:
            turning = Known([[end, 1e9], [-1e9, end]])
            assert stretch(turning, h, method) == pytest.approx(float(exact), rel=1e-6)
            assert stretch(turning, h, method) <= method.lipschitz(turning, h) * (1 + 1e-12)
        if h > 0 > high and h <= method.non_expansive_step(plain):  # 2rν, the third thing known
            exact = min(exact, Fraction(1))
        assert Fraction(np.nextafter(L, 0)) < exact <= Fraction(L)  # rounded up, by a unit


# ---- what is stiff, and what has no solution


def stiff(rng, d=4):
    """ẋ = −Λ(x + ½tanh x) + sin Cx, Λ from 1 to 10⁶; its Jacobian is not symmetric."""
    rates, C = np.logspace(0, 6, d), 0.3 * rng.normal(size=(d, d))
    return dnn.KnownField(
        lambda x: -rates * (x + np.tanh(x) / 2) + np.sin(x @ C.T), d,
        lambda x: -rates * (1 + 0.5 / np.cosh(x) ** 2)[..., None] * np.eye(d) + np.cos(x @ C.T)[..., None] * C,
    )  # fmt: skip


@pytest.mark.parametrize("method", B_STABLE, ids=repr)
def test_stiff_fields_are_solved_to_rounding_with_their_adjoint(method, rng):
    X, x, w, v, h = stiff(rng), *rng.normal(size=(3, 100, 4)), 0.5
    y, pullback = method.vjp(X, x, h)
    dx, _, dh = pullback(w)
    dy = method.jvp(X, x, h, v, None, 0.7)[1]
    gap = (w * dy).sum() - (dx * v).sum() - 0.7 * dh
    assert abs(gap) <= 1e-10 * np.linalg.norm(dx)
    # another 1e-9 of the state moves y by no more: y is the solution, and not just a small residual
    near = method.step(X, x + 1e-9 * v, h)
    np.testing.assert_allclose((near - y) / 1e-9, method.jvp(X, x, h, v)[1], atol=1e-5)
    if method.order > 1 and isinstance(method, dnn.RadauIIA):
        assert np.abs(y[:, -1]).max() < 1e-4  # R(∞) = 0


@pytest.mark.parametrize("method", B_STABLE, ids=repr)
def test_what_becomes_stiff_within_a_step_is_solved_too(method, rng):
    """ẋ = −10⁶t²(x − cos t) from t = 0, where X′ is 0: its slopes solve one linear system."""

    def fun(z):
        x, t = z[..., 0], z[..., 1]
        return np.stack([-1e6 * t * t * (x - np.cos(t)), np.ones_like(t)], axis=-1)

    def jacobian(z):
        x, t = z[..., 0], z[..., 1]
        rows = [
            [-1e6 * t * t, -1e6 * (2 * t * (x - np.cos(t)) + t * t * np.sin(t))],
            [0 * x, 0 * x],
        ]
        return np.moveaxis(np.array(rows), (0, 1), (-2, -1))

    z = np.stack([rng.normal(size=50), np.zeros(50)], axis=-1)
    y = method.step(dnn.KnownField(fun, 2, jacobian), z, 1.0)
    A, b = np.array(method.A), np.array(method.b)
    c = A.sum(axis=1)
    rate = 1e6 * c**2
    slopes = np.linalg.solve(np.eye(len(b)) + rate[:, None] * A, (rate * (np.cos(c) - z[:, :1])).T)
    np.testing.assert_allclose(y[:, 0], z[:, 0] + b @ slopes, atol=1e-9)
    np.testing.assert_allclose(y[:, 1], 1, rtol=1e-15)


def test_radau_follows_a_stiff_equation_as_scipys_radau_does():
    """ẋ = −500(x³ − cos³t), with time as a state, from far off."""

    def fun(z):
        x, t = z[..., 0], z[..., 1]
        return np.stack([-500 * (x**3 - np.cos(t) ** 3), np.ones_like(t)], axis=-1)

    def jacobian(z):
        x, t = z[..., 0], z[..., 1]
        rows = [[-1500 * x**2, -1500 * np.cos(t) ** 2 * np.sin(t)], [0 * x, 0 * x]]
        return np.moveaxis(np.array(rows), (0, 1), (-2, -1))

    X, z = dnn.KnownField(fun, 2, jacobian), np.array([2.0, 0.0])
    exact = dnn.exact_flow(X, z, 1.0, method="Radau")
    found = dnn.Flow(X, 0.05, dnn.RadauIIA(3), steps=20)(z)
    np.testing.assert_allclose(found, exact, atol=1e-7)


def test_a_long_step_down_a_convex_potential_has_its_solution_whatever_is_beside_it():
    """It is unique. Newton's method gets there from the first full step, from x, and along shorter steps alone."""
    rng, h = np.random.default_rng(7), 3e4
    X = dnn.GradientField.random(3, 8, bias=1.0, rng=rng)
    X.theta = 3 * X.theta
    x = 3 * rng.normal(size=(20, 3))[[4, 7, 10]]
    y = dnn.ImplicitEuler().step(X, x, h)
    np.testing.assert_allclose((y - x) / h, X(y), rtol=0, atol=1e-12)
    wall = dnn.KnownField(lambda x: 1 - np.exp(x), 1, lambda x: -np.exp(x)[..., None])
    with np.errstate(over="ignore", invalid="ignore"):  # the first full step leads to e^(10⁹)
        y = dnn.ImplicitEuler().step(wall, [[-30.0], [0.0]], 1e9)
    np.testing.assert_allclose(y, [[-3e-8], [0.0]], rtol=1e-6)


def test_a_solution_to_which_no_shorter_steps_lead_is_found_from_the_first_full_step():
    """That near x ends in a fold, at a step h < 1."""
    X = dnn.KnownField(lambda x: (1 + 1.15 * x + x * x) * np.exp(-x / 5), 1, "complex step")
    y = dnn.ImplicitEuler().step(X, np.zeros(1), 1.0)
    np.testing.assert_allclose(y, X(y), rtol=1e-12)
    assert y > 10


def test_what_has_no_solution_is_named_with_its_step_and_state():
    square = dnn.KnownField(lambda x: 1 + x * x, 1, lambda x: 2 * x[..., None])
    for method in (dnn.Gauss(2), dnn.RadauIIA(2), dnn.ImplicitEuler()):
        method.step(square, [[0.0], [1.0]], 0.01)
        message = re.escape(
            f"{method!r}: Newton's method did not converge in a step h = 2 from state number 1"
        )
        with pytest.raises(dnn.NotConverged, match=message):
            method.step(square, [[-2.5], [0.1]], 2.0)
        with pytest.raises(
            dnn.NotConverged, match="state number 1 of the batch, or its field, is not"
        ):
            method.step(square, [[0.0], [np.nan]], 0.01)
    growth = dnn.KnownField(lambda x: x, 1, lambda x: np.ones_like(x)[..., None])
    both = dnn.KnownField(lambda x: x**2 / 2, 1, lambda x: x[..., None])
    with pytest.raises(dnn.NotConverged, match="is singular in a step h = 1 from state number 1"):
        dnn.ImplicitEuler().step(growth, [[0.0], [1.0]], 1.0)
    with pytest.raises(dnn.NotConverged, match="a step h = 1 from state number 2 .* is 0.5; take"):
        dnn.ImplicitEuler().step(both, [[-1.0], [0.0], [1.0]], 1.0)
    late = dnn.KnownField(  # state 0 rests, and K = 0 where state 1 comes to
        lambda x: np.where(x > -2, 1.0, 0.0), 1, lambda x: np.where(x > 0.5, 1.0, 0.0)[..., None]
    )
    with pytest.raises(dnn.NotConverged, match="is singular in a step h = 1 from state number 1"):
        dnn.ImplicitEuler().vjp(late, np.array([[-5.0], [0.0]]), 1.0)[1](np.ones((2, 1)))
    with pytest.raises(NotImplementedError, match="built without a Jacobian"):
        dnn.Gauss().step(dnn.KnownField(np.sin, 2), np.ones(2), 0.1)


def test_complex_steps_of_implicit_stages(rng):
    """In x and in h, and 1e-100 of them."""
    X, x, v = residual(rng), points(rng, (5,)), points(rng, (5,))
    for method in IMPLICIT_RUNGE_KUTTA:
        for step, dx, dh in ((1e-100j * v, v, 0.0), (0, 0 * v, 1.0)):
            tangent = method.step(X, x + step, 0.2 + 1e-100j * dh).imag / 1e-100
            exact = method.jvp(X, x, 0.2, dx, None, dh)[1]
            np.testing.assert_allclose(tangent, exact, rtol=1e-12, atol=1e-13)


def test_implicit_stages_in_float32_stay_there_and_an_empty_batch_is_one(rng):
    X = dnn.ResidualField(dnn.Dense(4, 4, rng=rng, dtype=np.float32), dnn.Tanh())
    x = points(rng, (5,)).astype(np.float32)
    for method in IMPLICIT_RUNGE_KUTTA:
        y, pullback = method.vjp(X, x, 0.2)
        assert y.dtype == pullback(x)[0].dtype == method.jvp(X, x, 0.2, x)[1].dtype == np.float32
        exact = method.step(dnn.ResidualField(dnn.Dense(4, 4, W=X.A.W), dnn.Tanh()), x, 0.2)
        np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-5)
        assert method.step(X, x[:0], 0.2).shape == (0, 4)
