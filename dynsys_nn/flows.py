"""Flows: a step Ψ^h_X of a method, iterated, as a layer of a network; and the exact flow φ^t_X to
compare it with."""

import functools

import numpy as np

from .arguments import (
    dimension,
    finite_states,
    flag,
    instance,
    numbers,
    positive,
    real_step,
    refuse,
    states,
    times,
)
from .fields import KnownField, field_part
from .integrators import Euler, Method
from .maps import Map, outward, power, product, require_finite, root

__all__ = ["Flow", "Rollout", "exact_flow"]


class Flow(Map):
    """Ψ^h_X iterated `steps` times: x ↦ x_n ≈ φ^{nh}(x), n = steps, with shared parameters.

    Parameters
    ----------
    field : Field
        The vector field X on ℝᵈ.
    h : float
        The size of one step; negative: backwards in time.
    method : Method, default Euler()
        How to step.
    steps : int, default 1
        n, how many are taken.
    learn_h : bool, default False
        Whether the step is a parameter, "h": θ is then the field's θ followed by h; otherwise it is
        that of the field.

    Raises
    ------
    ValueError
        If h is zero, NaN or infinite.
    TypeError
        If the field is not a Field, or not of the kind that the method steps.

    Examples
    --------
    A full turn, T = 2π. With twice the steps a quarter of the error is left: order two.

    >>> X, x, T = dnn.systems.harmonic_oscillator(), np.array([1.0, 0.0]), 2 * np.pi
    >>> coarse = dnn.Flow(X, T / 100, dnn.StormerVerlet(), steps=100)
    >>> fine = dnn.Flow(X, T / 200, dnn.StormerVerlet(), steps=200)
    >>> print(round(np.linalg.norm(coarse(x) - x) / np.linalg.norm(fine(x) - x), 1))
    4.0
    >>> sorted(fine.keeps)
    ['symplectic', 'volume']
    >>> np.allclose(fine.inverse(fine(x)), x)
    True
    """

    naming = "inner"

    def __init__(self, field, h, method=Euler(), steps=1, learn_h=False):
        self.dim_in = self.dim_out = field_part(field, "Flow needs a vector field").dim
        self.method = instance(method, Method, "method must be a method object such as RK4()")
        method.require(field)
        self.steps, self.learn_h = dimension(steps, "steps"), flag(learn_h, "learn_h")
        h = np.array(real_step(h, "the step of a Flow is"), field._dtype if self.learn_h else float)
        self.own(field=field, **({"h": h} if self.learn_h else {}))
        self.__dict__.setdefault("h", h)

    @property
    def h(self):
        """The size of one step, a number."""
        return self.__dict__["h"].item()

    @h.setter
    def h(self, value):
        self.__dict__["h"][...] = real_step(value, "the step of a Flow is")

    def arguments(self):
        """What builds it again, but for θ."""
        h = 1.0 if self.learn_h else self.h
        return {
            "field": self.field,
            "h": h,
            "method": self.method,
            "steps": self.steps,
            "learn_h": self.learn_h,
        }

    @property
    def formula(self):
        iterated = "" if self.steps == 1 else f" × {self.steps}"
        return f"Ψ^h{iterated}, {self.method}, X = {self.field.formula}, h = {self.h:.4g}"

    @property
    def invariants(self):
        """name → I: those of the field that every step keeps."""
        return self.method.kept(self.field)

    @property
    def keeps(self):
        """The part of what the exact flow keeps that every step keeps."""
        return self.method.preserves(self.field)

    def facts(self):
        """What every step keeps: the words, and the invariants, name → I."""
        return self.method.facts(self.field)

    def __call__(self, x):
        for _ in range(self.steps):
            x = self.method._step(self.field, x, self.h)
        return x

    def step_vjp(self, x):
        """One step Ψ^h(x), not iterated, and its pullback w ↦ dx, dtheta."""
        if not self.learn_h:
            return self.method._fixed_vjp(self.field, x, self.h)
        y, pullback_step = self.method._vjp(self.field, x, self.h)

        def pullback(w):
            dx, dtheta, dh = pullback_step(w)
            return dx, self.joined(dtheta, dh)

        return y, pullback

    def joined(self, dtheta, dh):
        """The gradient in θ of a learned step, from that in the field's θ and that in h."""
        return self.pack(field=dtheta, h=dh)

    def vjp(self, x):
        pullbacks = []
        for _ in range(self.steps):
            x, pullback = self._step_vjp(x)
            pullbacks.append(pullback)

        def pullback(w):
            dtheta = None
            for pullback_n in reversed(pullbacks):
                w, dtheta_n = pullback_n(w)
                dtheta = dtheta_n if dtheta is None else dtheta + dtheta_n
            return w, dtheta

        return x, pullback

    def jvp(self, x, v, dtheta=None):
        d = {"h": 0.0} | self.unpack(dtheta)
        for _ in range(self.steps):
            x, v = self.method._jvp(self.field, x, self.h, v, d["field"], d["h"])
        return x, v

    def inverse(self, y):
        for _ in range(self.steps):
            y = self.method._inverse(self.field, y, self.h)
        return y

    def lipschitz(self):
        """The method's constant of one step, to the power `steps`."""
        require_finite(self)
        return power(self.method.lipschitz(self.field, self.h), self.steps)


class Rollout(Map):
    """x ↦ (x₁, …, x_n), x_k = F(x_{k−1}), shape (..., d) → (..., n, d): for learning from
    trajectories.

    network: the map F, ℝᵈ → ℝᵈ, ValueError for another; n: int, how many states. x itself is not
    among them. The θ of a Rollout *is* the network's θ, and several may look at one network.

    Examples
    --------
    >>> F = dnn.Flow(dnn.GradientField.random(2, width=5, rng=0), 0.1)
    >>> rollout, x = dnn.Rollout(F, 3), np.ones((7, 2))
    >>> rollout(x).shape
    (7, 3, 2)
    >>> np.array_equal(rollout(x)[:, -1], F(F(F(x))))
    True
    >>> np.shares_memory(rollout.theta, F.theta)
    True
    """

    formula, sequence, naming = "(F(x), F∘F(x), …)", True, "inner"

    def __init__(self, network, n):
        instance(network, Map, "Rollout iterates a Map")
        refuse(
            network.dim_in != network.dim_out or network.sequence,
            f"Rollout iterates a map ℝᵈ → ℝᵈ, got {network!r}",
        )
        self.dim_in = self.dim_out = network.dim_in
        self.n = dimension(n, "n")
        self.own(network=network)

    keeps = property(lambda self: self.facts()[0], doc="What each step keeps.")
    invariants = property(lambda self: self.facts()[1], doc="name → I: what each step keeps.")

    def facts(self):
        """What each step keeps: nothing, if it is the value of a field."""
        return (frozenset(), {}) if self.network.is_field else self.network.facts()

    def __call__(self, x):
        states = []
        for _ in range(self.n):
            x = self.network._value(x)
            states.append(x)
        return np.stack(states, axis=-2)

    def vjp(self, x):
        states, pullbacks = [], []
        for _ in range(self.n):
            x, pullback = self.network._vjp(x)
            states.append(x)
            pullbacks.append(pullback)

        def pullback(w):
            dx, dtheta = 0.0, 0.0
            for k in reversed(range(self.n)):  # x_k is seen by the loss and by x_{k+1}
                dx, dtheta_k = pullbacks[k](w[..., k, :] + dx)
                dtheta = dtheta + dtheta_k
            return dx, dtheta

        return np.stack(states, axis=-2), pullback

    def jvp(self, x, v, dtheta=None):
        states, tangents = [], []
        for _ in range(self.n):
            x, v = self.network._jvp(x, v, dtheta)
            states.append(x)
            tangents.append(v)
        return np.stack(states, axis=-2), np.stack(tangents, axis=-2)

    def lipschitz(self):
        """√(L² + L⁴ + … + L²ⁿ)."""
        L = self.network.lipschitz()
        square, total, to_the_k = product(L, L), 0.0, 1.0
        for bit in f"{self.n:b}":  # S_k = q + … + qᵏ: S_2k = S_k + qᵏS_k, S_{k+1} = q(1 + S_k)
            total = outward(lambda S, q: S + q * S, total, to_the_k)
            to_the_k = product(to_the_k, to_the_k)
            if bit == "1":
                total = outward(lambda S, q: q * (1 + S), total, square)
                to_the_k = product(to_the_k, square)
        return root(total)


#: how many states are solved at once if all together take too long
BLOCK = 64
#: names of scipy's methods → whether they are implicit
SOLVERS = {"RK23": False, "RK45": False, "DOP853": False, "Radau": True, "BDF": True, "LSODA": True}


def exact_flow(field, x, t, method="DOP853", rtol=None, evaluations=200_000):
    """φ^t(x) of ẋ = field(x), by scipy's solve_ivp at tolerances near rounding: the reference for
    every method.

    Parameters
    ----------
    field : Map, or a function of states
        X, (..., d) → (..., d), in float64.
    x : array, shape (..., d)
        All are solved at once, the tolerance on their root mean square; 64 at a time if that takes
        more than a twentieth of the evaluations, as with kinks; one by one by implicit methods.
    t : float, or array, shape (n,)
        A time of either sign, or times that go one way from 0.
    method : str, default "DOP853"
        The name of one of scipy's methods; for stiff equations "Radau", "BDF" or "LSODA".
    rtol : float > 0, default None
        Relative tolerance; the absolute one is 1e-15. None: 2.3e-14, and 1e-10 by implicit methods.
    evaluations : int, default 200_000
        How many of the field are allowed in one solution, and ten times as many in all.

    Returns
    -------
    array, shape (..., d), or (..., n, d) for n times
        φ^t(x).

    Raises
    ------
    ValueError
        If x, t or field(x) is not finite.
    RuntimeError
        If the solution does not reach t within so many evaluations: the equation is stiff, has
        kinks, or t is far.

    Examples
    --------
    >>> X, t = dnn.systems.harmonic_oscillator(), np.array([0.0, 0.5, 1.0])
    >>> path = dnn.exact_flow(X, np.array([1.0, 0.0]), t)
    >>> path.shape
    (3, 2)
    >>> bool(abs(path[:, 0] - np.cos(t)).max() < 1e-12)
    True
    >>> dnn.exact_flow(lambda x: x**2, np.ones(1), t=-1.0).round(9)  # x(t) = 1/(1 − t)
    array([0.5])
    """
    refuse(
        not callable(field) or isinstance(field, type),
        f"exact_flow needs a map, or a function of states, got {field!r}",
        TypeError,
    )
    refuse(
        isinstance(field, Map) and (field.dim_in != field.dim_out or field.sequence),
        f"exact_flow needs a field ℝᵈ → ℝᵈ, got {field!r}",
    )
    not_a_flow(field, "exact_flow")
    implicit, evaluations = SOLVERS[solver(method)], dimension(evaluations, "evaluations")
    rtol = (1e-10 if implicit else 2.3e-14) if rtol is None else positive(rtol, "rtol")
    x = states(field, x) if isinstance(field, Map) else numbers(x, "exact_flow needs states,")
    x, at = finite_states(x, "exact_flow"), times(t, "exact_flow")
    X = field if isinstance(field, Map) else KnownField(field, x.shape[-1])
    d, n = x.shape[-1], x[..., 0].size
    finite_at_start(X._value(x).reshape(n, d), "exact_flow")
    options = {"method": method, "t_eval": at, "rtol": rtol, "atol": 1e-15}
    if implicit and has_jacobian(X, x):
        options["jac"] = lambda _, y: X._jacobian(y)

    def solved(blocks, evaluations):
        """The states at all times, (n, times, d), of all blocks of states."""
        found, allowed = [], Evaluations(evaluations)
        for block in blocks:
            rhs = functools.partial(in_shape, X, block.shape)
            y = allowed.solve(rhs, (0.0, at[-1]), block.ravel(), **options)
            found.append(np.moveaxis(y.reshape(-1, d, len(at)), -1, -2))
        return np.concatenate(found)

    points = x.reshape(n, d)
    if implicit:
        path = solved(points, evaluations)
    elif n <= BLOCK:
        path = solved([x], evaluations)
    else:
        try:
            path = solved([x], evaluations // 20)
        except TooManyEvaluations:
            path = solved(np.split(points, range(BLOCK, n, BLOCK)), evaluations)
    path = path.reshape(*x.shape[:-1], len(at), d)
    return path[..., 0, :] if np.ndim(t) == 0 else path


def in_shape(X, shape, t, y):
    """X at states of that shape, as scipy takes it: flat."""
    return X._value(y.reshape(shape)).ravel()


class TooManyEvaluations(RuntimeError):
    """A solution of an equation takes more evaluations than are allowed."""


class Evaluations:
    """How many evaluations of a right-hand side are allowed in one solution, and ten times as many
    in all."""

    def __init__(self, allowed):
        self.allowed, self.made = allowed, 0

    def solve(self, rhs, span, start, **options):
        """The solution of ẏ = rhs(t, y) over the time span, at all of `t_eval`, (len(y), n), by
        scipy's solve_ivp. RuntimeError if it does not reach the end."""
        from scipy.integrate import solve_ivp

        if span[0] == span[1]:
            return start[:, None]

        end = min(self.made + self.allowed, 10 * self.allowed)

        def counted(t, y):
            self.made += 1
            if self.made > end:
                refuse(
                    not np.isfinite(rhs(t, y)).all(),
                    f"the solution does not get beyond t = {t:g}: the field is not finite there",
                    RuntimeError,
                )
                raise TooManyEvaluations(
                    f"the solution is at t = {t:.3g} of {span[1]:.3g} after {end} "
                    f"evaluations with {options['method']}: the equation is stiff (an implicit "
                    'method, "Radau" or "LSODA", may do), has kinks or few digits (fewer states, '
                    "or a larger rtol, may do), or t is far; evaluations=… allows more"
                )
            return rhs(t, y)

        try:
            solution = solve_ivp(counted, span, start, **options)
            failed = not solution.success or not np.isfinite(solution.y).all()
            why = "it is not finite" if solution.success else solution.message
        except ValueError as error:
            if "infs or NaNs" not in str(error):  # scipy's word of a matrix that is not finite
                raise
            failed, why = True, "it is not finite"
        refuse(
            failed,
            f"the solution does not reach t = {span[1]:g} from t = {span[0]:g}: {why}",
            RuntimeError,
        )
        return solution.y


def solver(method):
    """The name of one of scipy's methods; ValueError for any other."""
    refuse(
        not isinstance(method, str) or method not in SOLVERS,
        f"method must be the name of one of solve_ivp's, {', '.join(SOLVERS)}, got {method!r}",
    )
    return method


def finite_at_start(values, what):
    """ValueError that names the state if the field, values (n, d), is not finite at one: scipy
    would look for a first step for ever."""
    bad = ~np.isfinite(values).all(axis=-1)
    if bad.any():
        k = np.argmax(bad)
        raise ValueError(
            f"{what} needs a field that is finite at the states: at state number {k} of the batch "
            f"it is {values[k]}"
        )


def not_a_flow(field, name):
    """TypeError for a Flow, which takes steps itself."""
    refuse(
        isinstance(field, Flow),
        f"{name} needs a vector field, got {field!r}: write {name}(flow.field, …)",
        TypeError,
    )


def has_jacobian(X, x):
    """Whether a field knows its Jacobian at x."""
    try:
        return bool(np.isfinite(X._jacobian(x)).all())
    except NotImplementedError:
        return False
