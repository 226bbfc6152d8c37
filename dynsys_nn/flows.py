"""Flows: a step Ψ^h_X of a method, iterated, as a layer of a network; and the exact flow φ^t_X to compare it with."""

import numpy as np

from .fields import Field
from .integrators import Euler, Method, check_step
from .maps import Map, array, dimension, numbers, over_batch, yes_or_no


class Flow(Map):
    """Ψ^h_X iterated `steps` times: x ↦ x_n ≈ φ^{nh}(x), n = steps, with shared parameters.

    field: a vector field; h: the size of one step (negative: backwards in time); method: how to step.
    With `learn_h` the step is a parameter, "h", and θ is the field's θ followed by h.
    ValueError where h is zero, NaN or infinite; TypeError where the method does not fit the field.
    """

    def __init__(self, field, h, method=Euler(), steps=1, learn_h=False):
        if not isinstance(field, Field):
            raise TypeError(f"Flow needs a vector field, got {field!r}")
        if not isinstance(method, Method):
            raise TypeError(f"method must be a method object such as RK4(), got {method!r}")
        self.dim_in = self.dim_out = field.dim
        method.require(field)
        self.method, self.steps, self.learn_h = method, dimension(steps, "steps"), yes_or_no(learn_h, "learn_h")
        if isinstance(check_step(h), complex):
            raise TypeError(f"the step of a Flow is a real number, got {h}")
        if self.learn_h:
            self.own(field=field, h=np.asarray(h, field.theta.dtype if field.theta.size else float))
        else:
            self.h = h
            self.own(field=field)

    def label(self, part, key, count):
        return "field.h" if key == "h" and self.learn_h else key

    @property
    def h(self):
        """The size of one step, a number."""
        return self.__dict__["h"].item() if self.learn_h else self._h

    @h.setter
    def h(self, value):
        self._h = check_step(value)

    def __setattr__(self, name, value):
        if name == "h" and isinstance(check_step(value), complex):
            raise TypeError(f"the step of a Flow is a real number, got {value}")
        super().__setattr__(name, value)

    def arguments(self):
        """What builds it again, but for θ."""
        h = 1.0 if self.learn_h else self.h
        return {"field": self.field, "h": h, "method": self.method, "steps": self.steps, "learn_h": self.learn_h}

    @property
    def formula(self):
        iterated = "" if self.steps == 1 else f" × {self.steps}"
        return f"Ψ^h{iterated}, {self.method}, X = {self.field.formula}, h = {self.h:.4g}"

    @property
    def keeps(self):
        """The part of what the exact flow keeps that every step keeps."""
        return self.method.preserves(self.field)

    def __call__(self, x):
        x, h = self.state(x), self.h
        for _ in range(self.steps):
            x = self.method.step(self.field, x, h)
        return x

    def vjp(self, x):
        x = x0 = self.state(x)
        h, pullbacks = self.h, []
        for _ in range(self.steps):
            x, pullback = self.method.vjp(self.field, x, h)
            pullbacks.append(pullback)

        def back(w):
            w, dtheta, dh = pullbacks[-1](self.covector(w, x0))
            for pullback in reversed(pullbacks[:-1]):
                w, dtheta_n, dh_n = pullback(w)
                dtheta, dh = dtheta + dtheta_n, dh + dh_n
            return w, self.pack(field=dtheta, h=dh) if self.learn_h else dtheta

        return x, back

    def step_vjp(self, x):
        """One step Ψ^h(x), not iterated, and its pullback w ↦ dx, dtheta."""
        y, pullback = self.method.vjp(self.field, x, self.h)

        def back(w):
            w, dtheta, dh = pullback(w)
            return w, self.pack(field=dtheta, h=dh) if self.learn_h else dtheta

        return y, back

    def jvp(self, x, v, dtheta=None):
        x, h, d = self.state(x), self.h, self.unpack(dtheta)
        v = self.tangent(v, x)
        for _ in range(self.steps):
            x, v = self.method.jvp(self.field, x, h, v, d["field"], d.get("h", 0.0))
        return x, v

    def inverse(self, y):
        y, h = self.state(y), self.h
        for _ in range(self.steps):
            y = self.method.inverse(self.field, y, h)
        return y

    def lipschitz(self):
        """The method's constant of one step, to the power `steps`."""
        return self.method.lipschitz(self.field, self.h) ** self.steps


class HenonMap(Map):
    """(q, p) ↦ (p + η, −q + ∇V(p)): a symplectic layer that is no step of a field. Four in a row, with η and V small, are near the identity.

    dV: ∇V as a map ℝⁿ → ℝⁿ, a GradientField(…, sign=+1, alpha=…). The determinant is one for any map; the form is
    kept where dV is a gradient. ValueError where dV does not return to its space. Parameters: those of "dV", and
    "eta" (n,), which starts at 0. Source: Turaev, Nonlinearity 16 (2003).
    """

    formula = "(p + η, −q + ∇V(p))"

    def __init__(self, dV):
        if not isinstance(dV, Map):
            raise TypeError(f"dV of HenonMap must be a Map, got a {type(dV).__name__}")
        if dV.dim_in != dV.dim_out:
            raise ValueError(f"HenonMap needs ∇V: ℝⁿ → ℝⁿ, got {dV!r}")
        self.n, self.dim_in, self.dim_out = dV.dim_in, 2 * dV.dim_in, 2 * dV.dim_in
        self.own(dV=dV, eta=np.zeros(self.n, dV.theta.dtype if dV.theta.size else float))

    @property
    def keeps(self):
        gradient = self.n == 1 or getattr(self.dV, "is_gradient", False)
        return frozenset({"volume", "symplectic"} if gradient else {"volume"})

    def __call__(self, z):
        q, p = np.split(self.state(z), 2, axis=-1)
        return np.concatenate([p + self.eta, self.dV(p) - q], axis=-1)

    def vjp(self, z):
        z = self.state(z)
        q, p = np.split(z, 2, axis=-1)
        force, pullback = self.dV.vjp(p)

        def back(w):
            w_q, w_p = np.split(self.covector(w, z), 2, axis=-1)
            dp, dtheta = pullback(w_p)
            return np.concatenate([-w_p, w_q + dp], axis=-1), self.pack(dV=dtheta, eta=over_batch(w_q))

        return np.concatenate([p + self.eta, force - q], axis=-1), back

    def jvp(self, z, v, dtheta=None):
        z, d = self.state(z), self.unpack(dtheta)
        (q, p), (dq, dp) = np.split(z, 2, axis=-1), np.split(self.tangent(v, z), 2, axis=-1)
        force, dforce = self.dV.jvp(p, dp, d["dV"])
        return (
            np.concatenate([p + self.eta, force - q], axis=-1),
            np.concatenate([dp + d["eta"], dforce - dq], axis=-1),
        )

    def inverse(self, y):
        """p = q⁺ − η, q = ∇V(p) − p⁺."""
        q, p = np.split(self.state(y), 2, axis=-1)
        p_before = q - self.eta
        return np.concatenate([self.dV(p_before) - p, p_before], axis=-1)

    def lipschitz(self):
        """‖[[0, 1], [−1, ℓ]]‖ = (ℓ + √(ℓ² + 4))/2, ℓ the constant of ∇V."""
        step = self.dV.lipschitz()
        return float(step + np.hypot(step, 2)) / 2


class Rollout(Map):
    """x ↦ (x₁, …, x_n), x_k = F(x_{k−1}), shape (..., d) → (..., n, d): for learning from trajectories.

    x itself is not among the states. The θ of a Rollout *is* the network's θ, so several may look at one network; it
    cannot itself be a part of another map.
    """

    formula, sequence = "(F(x), F∘F(x), …)", True

    def __init__(self, network, n):
        if not isinstance(network, Map):
            raise TypeError(f"Rollout iterates a Map, got a {type(network).__name__}")
        if network.dim_in != network.dim_out or network.sequence:
            raise ValueError(f"Rollout iterates a map ℝᵈ → ℝᵈ, got {network!r}")
        self.network, self.n = network, dimension(n, "n")
        self.dim_in = self.dim_out = network.dim_in

    @property
    def theta(self):
        return self.network.theta

    @theta.setter
    def theta(self, value):
        self.network.theta = value

    @property
    def parameters(self):
        return self.network.parameters

    @property
    def keeps(self):
        return self.network.keeps

    def state(self, x):
        return self.network.state(x)

    def covector(self, w, x):
        return self._beside(w, x, (*x.shape[:-1], self.n, self.dim_out), "a covector w")

    def _bind(self, theta):
        self.network._bind(theta)

    def _refuse_second_owner(self, new):
        raise TypeError("a Rollout cannot be a part: put its network into the new map, and roll that out")

    def __call__(self, x):
        states = [self.state(x)]
        for _ in range(self.n):
            states.append(self.network(states[-1]))
        return np.stack(states[1:], axis=-2)

    def vjp(self, x):
        x = x0 = self.state(x)
        states, pullbacks = [], []
        for _ in range(self.n):
            x, pullback = self.network.vjp(x)
            states.append(x)
            pullbacks.append(pullback)

        def back(w):
            w, dx, dtheta = self.covector(w, x0), 0.0, 0.0
            for k in reversed(range(self.n)):  # x_k is seen by the loss and by x_{k+1}
                dx, dtheta_k = pullbacks[k](w[..., k, :] + dx)
                dtheta = dtheta + dtheta_k
            return dx, dtheta

        return np.stack(states, axis=-2), back

    def jvp(self, x, v, dtheta=None):
        states, tangents = [], []
        for _ in range(self.n):
            x, v = self.network.jvp(x, v, dtheta)
            states.append(x)
            tangents.append(v)
        return np.stack(states, axis=-2), np.stack(tangents, axis=-2)

    def lipschitz(self):
        """√(L² + L⁴ + … + L²ⁿ)."""
        L = self.network.lipschitz()
        return float(np.linalg.norm(L ** np.arange(1, self.n + 1)))


def exact_flow(field, x, t):
    """φ^t(x) of ẋ = field(x), by scipy's DOP853 at tolerances near rounding: the reference for every method.

    field: a map, or a function of states; x: (..., d), all solved at once, the tolerance on their root mean square;
    t: a number of either sign, giving (..., d), or an increasing or decreasing array (n,) of times from 0 on, giving
    (..., n, d). ValueError where t or x is not finite; RuntimeError where the solution does not reach t.
    """
    from scipy.integrate import solve_ivp

    if not callable(field) or isinstance(field, type):
        raise TypeError(f"exact_flow needs a map, or a function of states, got {field!r}")
    if isinstance(field, Map) and (field.dim_in != field.dim_out or field.sequence):
        raise ValueError(f"exact_flow needs a field ℝᵈ → ℝᵈ, got {field!r}")
    x = field.state(x) if hasattr(field, "state") else numbers(x, "exact_flow needs states,")
    times = array(t, "exact_flow needs a time, or an array of times")
    if times.dtype.kind not in "fiu":
        raise TypeError(f"exact_flow needs real times, got {t!r}")
    times = np.atleast_1d(times.astype(float))
    if not (np.isfinite(times).all() and np.isfinite(x).all()):
        raise ValueError("exact_flow needs finite states and times, got a NaN or infinity")
    if not x.size:
        raise ValueError(f"exact_flow needs at least one state, got an array of shape {x.shape}")
    forward = times * np.sign(times[-1:])
    if times.ndim > 1 or times.size == 0 or forward[0] < 0 or (np.diff(forward) <= 0).any():
        raise ValueError(f"exact_flow needs a time, or times that go one way from 0, got {t}")
    if x.dtype != float:
        raise TypeError(f"exact_flow solves to 12 digits and needs a float64 field and states, got {x.dtype}")
    if times[-1] == 0:
        states = x[..., None, :].copy()
    else:
        solution = solve_ivp(
            lambda _, y: field(y.reshape(x.shape)).ravel(), (0.0, times[-1]), x.ravel(),
            method="DOP853", t_eval=times, rtol=2.3e-14, atol=1e-15,
        )  # fmt: skip
        if not solution.success:
            raise RuntimeError(f"the solution does not reach t = {times[-1]:g}: {solution.message}")
        states = np.moveaxis(solution.y.reshape(*x.shape, len(times)), -1, -2)
    return states[..., 0, :] if np.ndim(t) == 0 else states
