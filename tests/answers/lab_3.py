"""Answers to lab 3."""

import numpy as np

import dynsys_nn as dnn


def with_(
    b=(1 / 4, 3 / 4), a=2 / 3, c=(1, 1), direct=1, sign=1, in_dx=(1, 1), in_theta=(1, 1), b_h=None,
    dh_of=None, of=(0, 1), factor_of_dh=1.0, own_dh=None, raw=False,
):  # fmt: skip
    """The solved method with other weights b, a₂₁, factors c of hκ, …"""

    def make(Answer):
        def vjp(self, field, x, h):
            K1, back1 = field.vjp(x)
            K2, back2 = field.vjp(x + 2 / 3 * h * K1)
            backs = back1, back2

            def pullback(w):
                factors = [h if k == 1 else 1 if k == 0 else h * h for k in c]
                eta2, dtheta2 = backs[of[1]](factors[1] * b[1] * w)
                kappa1 = b[0] * w + a * (b[1] * w if raw else eta2)
                eta1, dtheta1 = backs[of[0]](factors[0] * kappa1)
                d = b_h or b
                dh = (w * (d[0] * K1 + d[1] * K2)).sum() + a * (eta2 * K1).sum()
                if own_dh:
                    dh = own_dh(w, K1, K2, eta2)
                dx = direct * w + sign * (in_dx[0] * eta1 + in_dx[1] * eta2)
                return dx, in_theta[0] * dtheta1 + in_theta[1] * dtheta2, factor_of_dh * dh

            return self.step(field, x, h), pullback

        return type("Wrong", (Answer,), {"vjp": vjp})()

    return make


def vjp(body, **more):
    return lambda Answer: type("Wrong", (Answer,), {"vjp": body, **more})()


def two_results(self, field, x, h):
    K1, pullback1 = field.vjp(x)

    def pullback(w):
        dx, dtheta = pullback1(h * w)
        return w + dx, dtheta

    return self.step(field, x, h), pullback


def three_from_a_field(self, field, x, h):
    K1, pullback1 = field.vjp(x)

    def pullback(w):
        dx, dtheta, dh = pullback1(h * w)
        return w + dx, dtheta, dh

    return self.step(field, x, h), pullback


def dh_is_an_array(self, field, x, h):
    K1, pullback1 = field.vjp(x)

    def pullback(w):
        dx, dtheta = pullback1(h * w)
        return w + dx, dtheta, w * K1

    return self.step(field, x, h), pullback


def pair_for_a_value(self, field, x, h):
    K1 = field.vjp(x)
    K2 = field.vjp(x + 2 / 3 * h * K1)
    return self.step(field, x, h), lambda w: (K2, K1, 0.0)


def used_before(self, field, x, h):
    K1, pullback1 = field.vjp(x)
    K2, pullback2 = field.vjp(x + 2 / 3 * h * K1)

    def pullback(w):
        eta1, dtheta1 = pullback1(h * (1 / 4 * w + 2 / 3 * eta2))  # noqa: F821
        eta2, dtheta2 = pullback2(h * 3 / 4 * w)
        return w + eta1 + eta2, dtheta1 + dtheta2, (w * K1).sum()

    return self.step(field, x, h), pullback


def on_self(self, field, x, h):
    self.K1, pullback1 = field.vjp(x)
    K2, pullback2 = field.vjp(x + 2 / 3 * h * self.K1)

    def pullback(w):
        eta2, dtheta2 = pullback2(h * 3 / 4 * w)
        kappa1 = w / 4 + 2 / 3 * eta2
        eta1, dtheta1 = pullback1(h * kappa1)
        dh = (kappa1 * self.K1).sum() + (3 / 4 * w * K2).sum()
        return w + eta1 + eta2, dtheta1 + dtheta2, dh

    return self.step(field, x, h), pullback


def another_step(self, field, x, h):
    y, pullback = dnn.Heun().vjp(field, x, h)
    return y, pullback


def in_place(self, field, x, h):
    K1, pullback1 = field.vjp(x)
    x += h * K1
    return x, pullback1


REVERSED = "the weights b are in reverse order"
ETA = "η = X′(Y)ᵀ(hκ)"


def forward(self, field, x, h):
    K1, pullback1 = field.vjp(x)
    K2, pullback2 = field.vjp(x + 2 / 3 * h * K1)

    def pullback(w):
        eta1, dtheta1 = pullback1(h * w / 4)
        eta2, dtheta2 = pullback2(h * (3 / 4 * w + 2 / 3 * eta1))
        dh = (w * (K1 / 4 + 3 / 4 * K2)).sum() + 2 / 3 * (eta2 * K1).sum()
        return w + eta1 + eta2, dtheta1 + dtheta2, dh

    return x + h * (K1 / 4 + 3 / 4 * K2), pullback


WRONG = [
    # written without looking
    ("Heun's weights", "1.1", "dx: it is that of b = (0.5, 0.5), a₂₁ = 0.6667; the gradient of A and b and B and h are off, too", with_(b=(1 / 2, 1 / 2))),
    ("1/3 for 2/3", "1.1", "dx: it is that of b = (0.25, 0.75), a₂₁ = 0.3333", with_(a=1 / 3)),
    ("κ₂ forward from η₁", "1.1", "dx: it goes through the stages from the first one: go back, the last one first", vjp(forward)),
    ("dθ weighted with b", "1.1", "the stages of the gradient in θ are weighted with b, as κ is already", with_(in_theta=(1 / 4, 3 / 4))),
    ("K₂ for K₁ in the share", "1.1", "the stages' share of the gradient of h has K_i for K_j", with_(own_dh=lambda w, K1, K2, eta2: (w * (K1 / 4 + 3 / 4 * K2)).sum() + 2 / 3 * (eta2 * K2).sum())),
    ("κ₂ for η₂ in κ₁", "1.1", "what a stage owes to the earlier ones, a_ij η_i, has κ_i for η_i", with_(raw=True)),
    ("a₂₁ forgotten in dh", "1.1", "a_ij is missing in the stages' share of the gradient of h", with_(own_dh=lambda w, K1, K2, eta2: (w * (K1 / 4 + 3 / 4 * K2)).sum() + (eta2 * K1).sum())),
    ("w forgotten", "1.1", "dx: the term w itself is missing", with_(direct=0)),
    ("η subtracted", "1.1", "dx: beside w, the sign is wrong", with_(sign=-1)),
    ("b reversed throughout", "1.1", REVERSED, with_(b=(3 / 4, 1 / 4))),
    ("b reversed, and the right ∂/∂h", "1.1", REVERSED, with_(b=(3 / 4, 1 / 4), b_h=(1 / 4, 3 / 4))),
    ("b reversed in ∂/∂h alone", "1.1", "the weights b are in reverse order in the gradient of h", with_(b_h=(3 / 4, 1 / 4))),
    ("a₂₁ forgotten", "1.1", "what a stage owes to the earlier ones, a_ij η_i, is missing", with_(a=0)),
    ("a₂₁ with a minus", "1.1", "what a stage owes to the earlier ones, a_ij η_i, has the wrong sign", with_(a=-2 / 3)),
    ("a₂₁ h for a₂₁", "1.1", "one factor h too many in what a stage owes", with_(a=0.2)),
    ("K₁ without its share", "1.1", "the stages' share of the gradient of h is missing", with_(own_dh=lambda w, K1, K2, eta2: (w * (K1 / 4 + 3 / 4 * K2)).sum())),
    ("only the share", "1.1", "the term ⟨w, Σ b_i K_i⟩ is missing in the gradient of h", with_(own_dh=lambda w, K1, K2, eta2: 2 / 3 * (eta2 * K1).sum())),
    ("share with h", "1.1", "one factor h too many in the stages' share of the gradient of h", with_(own_dh=lambda w, K1, K2, eta2: (w * (K1 / 4 + 3 / 4 * K2)).sum() + 0.2 * (eta2 * K1).sum())),
    ("h missing", "1.1", f"a factor h is missing: {ETA}", with_(c=(0, 0))),
    ("h missing in stage 1", "1.1", f"a factor h is missing in stage 1: {ETA}", with_(c=(0, 1))),
    ("h twice in stage 2", "1.1", f"one factor h too many in stage 2: {ETA}", with_(c=(1, 2))),
    ("η₂ missing in dx", "1.1", "η_2 is missing in dx", with_(in_dx=(1, 0))),
    ("dθ of the second stage", "1.1", "the gradient in θ is that of the last stage alone", with_(in_theta=(0, 1))),
    ("dθ of the first stage", "1.1", "the gradient in θ is that of the first stage alone", with_(in_theta=(1, 0))),
    ("dh is a mean over all", "1.1", "the gradient of h: a mean over all 18 entries instead of a sum", with_(factor_of_dh=1 / 18)),
    ("half of dh is a mean", "1.1", "⟨w, Σ b_i K_i⟩ in the gradient of h: a mean over all 18 entries", with_(own_dh=lambda w, K1, K2, eta2: (w * (K1 / 4 + 3 / 4 * K2)).mean() + 2 / 3 * (eta2 * K1).sum())),
    ("dh is zero", "1.1", "the gradient of h: it is zero", with_(factor_of_dh=0.0)),
    ("both pullbacks are the first", "1.1", "each stage has the pullback at x, that of the first", with_(of=(0, 0))),
    ("two results", "1.1", "must return the triple dx, dtheta, dh, got (ndarray, ndarray)\n    return w + dx, dtheta", vjp(two_results)),
    ("three from the field", "1.1", "3 results are taken apart, but there are 2: what does the call return?\n    dx, dtheta, dh = pullback1(h * w)", vjp(three_from_a_field)),
    ("dh is not summed", "1.1", "dh of Wrong must be a number, got an array: is a sum missing?\n    return w + dx, dtheta, w * K1", vjp(dh_is_an_array)),
    ("the pair for the value", "1.1", "a list or a pair does not calculate: write np.array([…]), or take the pair apart\n    K2 = field.vjp(x + 2 / 3 * h * K1)", vjp(pair_for_a_value)),
    ("first stage first", "1.1", "eta2 is used before it has a value\n    eta1, dtheta1 = pullback1(h * (1 / 4 * w + 2 / 3 * eta2))", vjp(used_before)),
    ("state on self", "1.1", "it reads self.K1, where local variables should be", vjp(on_self)),
    ("another method", "1.1", "vjp(x) and F(x) give different values", vjp(another_step)),
    ("x in place", "1.1", "an argument is changed: write x = x + …, not x += …\n    x += h * K1", vjp(in_place)),
]  # fmt: skip


def by_a_loop(self, field, x, h):
    """κ and η from the tableau, h carried in κ."""
    K, backs = [], []
    for row in self.A:
        k, back = field.vjp(x + h * sum((a * K_j for a, K_j in zip(row, K, strict=True)), 0 * x))
        K.append(k)
        backs.append(back)

    def pullback(w):
        kappa, dtheta, dx = [h * b_i * w for b_i in self.b], 0, w.copy()
        for i in (1, 0):
            eta, d = backs[i](kappa[i])
            dx, dtheta = dx + eta, dtheta + d
            for j, a in enumerate(self.A[i]):
                kappa[j] = kappa[j] + h * a * eta
        return dx, dtheta, np.vdot(kappa, K) / h

    return x + h * np.tensordot(self.b, K, 1), pullback


def recomputed(self, field, x, h):
    """Nothing is kept: the stages are computed again in the pullback."""

    def pullback(w):
        K1, back1 = field.vjp(x)
        K2, back2 = field.vjp(x + 2 / 3 * h * K1)
        e2, t2 = back2(w)
        e1, t1 = back1(w / 4 + h / 2 * e2)
        dh = np.sum(w * (K1 + 3 * K2)) / 4 + h / 2 * np.sum(e2 * K1)
        return w + h * e1 + 3 / 4 * h * e2, h * t1 + 3 / 4 * h * t2, float(dh)

    return self.step(field, x, h), pullback


def kappas_first(self, field, x, h):
    """h is factored out of all, and dh is a NumPy number of shape ()."""
    (K1, back1), second = field.vjp(x), x + 2 / 3 * h * field(x)
    K2, back2 = field.vjp(second)

    def pullback(w):
        g2, d2 = back2(3 * w)
        g1, d1 = back1(w + 2 / 3 * h * g2)
        dh = np.einsum("ij,ij->", w, K1 + 3 * K2) / 4 + h / 6 * np.einsum("ij,ij->", g2, K1)
        return w + h / 4 * (g1 + g2), h / 4 * (d1 + d2), dh

    return self.step(field, x, h), pullback


RIGHT = [
    ("a loop over the tableau", vjp(by_a_loop)),
    ("recomputed in the pullback", vjp(recomputed)),
    ("h/4 factored out", vjp(kappas_first)),
]
