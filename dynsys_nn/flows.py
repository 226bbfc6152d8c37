"""Flows: a step Ψ^h_X of a method, iterated, as a layer of a network; and the exact flow φ^t_X to
compare it with."""

import numpy as np

from .arguments import (
    dimension,
    finite_states,
    flag,
    instance,
    numbers,
    real_step,
    refuse,
    states,
    times,
)
from .fields import Field
from .integrators import Euler, Method
from .maps import Map, outward, power, product, require_finite, root

__all__ = ["Flow", "Rollout", "exact_flow"]


class Flow(Map):
    """Ψ^h_X iterated `steps` times: x ↦ x_n ≈ φ^{nh}(x), n = steps, with shared parameters.

    field: a vector field; h: the size of one step (negative: backwards in time); method: how to
    step. With `learn_h` the step is a parameter, "h", and θ is the field's θ followed by h;
    otherwise θ is that of the field. ValueError if h is zero, NaN or infinite; TypeError if the
    method does not fit the field.
    """

    naming = "inner"

    def __init__(self, field, h, method=Euler(), steps=1, learn_h=False):
        self.dim_in = self.dim_out = instance(field, Field, "Flow needs a vector field").dim
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
        y, pullback_step = self.method._vjp(self.field, x, self.h)

        def pullback(w):
            dx, dtheta, dh = pullback_step(w)
            return dx, self.joined(dtheta, dh)

        return y, pullback

    def joined(self, dtheta, dh):
        """The gradient in θ, from that in the field's θ and that in h."""
        return self.pack(field=dtheta, h=dh) if self.learn_h else dtheta

    def vjp(self, x):
        pullbacks = []
        for _ in range(self.steps):
            x, pullback = self._step_vjp(x)
            pullbacks.append(pullback)

        def pullback(w):
            dtheta = []
            for pullback_n in reversed(pullbacks):
                w, dtheta_n = pullback_n(w)
                dtheta.append(dtheta_n)
            return w, sum(dtheta[1:], dtheta[0])

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

    x itself is not among the states. The θ of a Rollout *is* the network's θ, and several may look
    at one network.
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
        L, L_k, total = self.network.lipschitz(), 1.0, 0.0
        for _ in range(self.n):
            L_k = product(L_k, L)
            total = outward(lambda total, L_k: total + L_k**2, total, L_k)
        return root(total)


def exact_flow(field, x, t):
    """φ^t(x) of ẋ = field(x), by scipy's DOP853 at tolerances near rounding: the reference for
    every method.

    field: a map, or a function of states; x: (..., d), all solved at once, the tolerance on their
    root mean square; t: a number of either sign, giving (..., d), or an increasing or decreasing
    array (n,) of times from 0 on, giving (..., n, d). ValueError if t or x is not finite;
    RuntimeError if the solution does not reach t.
    """
    from scipy.integrate import solve_ivp

    refuse(
        not callable(field) or isinstance(field, type),
        f"exact_flow needs a map, or a function of states, got {field!r}",
        TypeError,
    )
    refuse(
        isinstance(field, Map) and (field.dim_in != field.dim_out or field.sequence),
        f"exact_flow needs a field ℝᵈ → ℝᵈ, got {field!r}",
    )
    x = states(field, x) if isinstance(field, Map) else numbers(x, "exact_flow needs states,")
    x, at = finite_states(x, "exact_flow"), times(t, "exact_flow")
    if at[-1] == 0:
        path = x[..., None, :].copy()
    else:
        solution = solve_ivp(
            lambda _, y: field(y.reshape(x.shape)).ravel(), (0.0, at[-1]), x.ravel(),
            method="DOP853", t_eval=at, rtol=2.3e-14, atol=1e-15,
        )  # fmt: skip
        refuse(
            not solution.success,
            f"the solution does not reach t = {at[-1]:g}: {solution.message}",
            RuntimeError,
        )
        path = np.moveaxis(solution.y.reshape(*x.shape, len(at)), -1, -2)
    return path[..., 0, :] if np.ndim(t) == 0 else path
