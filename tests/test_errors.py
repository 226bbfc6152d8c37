"""Bad input: each mistake a student makes gets an error that says what is needed and what was got."""

import re

import numpy as np
import pytest
from zoo import partitioned, residual

import dynsys_nn as dnn
from dynsys_nn import datasets, systems

RNG = np.random.default_rng(0)
NAN = np.array([[1.0, 2.0], [np.nan, 0.0]])
POINTS = np.zeros((2, 2))


def affine():
    return dnn.Affine(2, 2, rng=0)


def gradient():
    return dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh())


MISTAKES = {
    "wrong last dimension": (lambda: gradient()(np.zeros((5, 3))), ValueError,
        "GradientField acts on states of dimension 2, got an array of shape (5, 3)"),
    "wrong last dimension in a network": (lambda: dnn.Network(dnn.Lift(3, 2))(np.zeros(4)), ValueError,
        "Network acts on states of dimension 2, got an array of shape (4,)"),
    "a number for a state": (lambda: gradient()(1.0), ValueError, "dimension 2, got an array of shape ()"),
    "text for a state": (lambda: gradient()(np.array(["a", "b"])), TypeError, "acts on numbers, got an array of dtype <U1"),
    "direction in θ of the wrong length": (lambda: gradient().jvp(np.zeros(2), np.zeros(2), np.zeros(4)), ValueError,
        "direction in θ of shape (9,), got (4,)"),
    "a covector of the wrong shape": (lambda: gradient().vjp(np.zeros((5, 2)))[1](np.zeros((5, 3))), ValueError,
        "GradientField needs a covector w of shape (5, 2), got (5, 3)"),
    "a covector without its batch": (lambda: dnn.Flow(residual(RNG), 0.1).vjp(np.zeros((5, 4)))[1](np.zeros(4)), ValueError,
        "Flow needs a covector w of shape (5, 4), got (4,)"),
    "a covector for too many steps": (lambda: dnn.Rollout(affine(), 3).vjp(np.zeros(2))[1](np.zeros((5, 2))), ValueError,
        "Rollout needs a covector w of shape (3, 2), got (5, 2)"),
    "a tangent without its batch": (lambda: dnn.Lift(3, 2).jvp(np.zeros((5, 2)), np.zeros(2)), ValueError,
        "Lift needs a tangent v of shape (5, 2), got (2,)"),
    "a direction in θ where there is none": (lambda: dnn.Lift(3, 2).jvp(np.zeros(2), np.zeros(2), np.ones(7)), ValueError,
        "Lift needs a direction in θ of shape (0,), got (7,)"),
    "the mean over nothing": (lambda: dnn.MeanSquaredError()(POINTS[:0], POINTS[:0]), ValueError, "the mean over an empty batch is not defined"),
    "the mean over no logits": (lambda: dnn.SoftmaxCrossEntropy()(POINTS[:0], np.zeros(0, int)), ValueError, "empty batch is not defined"),
    "a complex target": (lambda: dnn.MeanSquaredError()(POINTS, POINTS + 1j), TypeError, "needs a target of real numbers, got dtype complex128"),
    "neighbours that do not fit": (lambda: dnn.Network(dnn.Lift(3, 2), dnn.Affine(2, 4)), ValueError,
        "map 1 (Affine(4 → 2)) needs states of dimension 4, but map 0 gives 3"),
    "empty network": (lambda: dnn.Network(), ValueError, "Network needs at least one map"),
    "a list of maps": (lambda: dnn.Network([affine()]), TypeError, "Network is made of maps, got a list at place 0"),
    "f and g that do not fit": (lambda: dnn.PartitionedField(dnn.Dense(2, 3), dnn.Dense(2, 3)), ValueError,
        "needs f: ℝᵐ → ℝⁿ and g: ℝⁿ → ℝᵐ, got f: 3 → 2 and g: 3 → 2"),
    "f that fits on one side only": (lambda: dnn.PartitionedField(dnn.Dense(2, 3), dnn.Dense(3, 1)), ValueError, "got f: 3 → 2 and g: 1 → 3"),
    "g that fits on one side only": (lambda: dnn.PartitionedField(dnn.Dense(2, 3), dnn.Dense(1, 2)), ValueError, "got f: 3 → 2 and g: 2 → 1"),
    "f that is no map": (lambda: dnn.PartitionedField(np.sin, affine()), TypeError, "f of PartitionedField must be a Map, got a ufunc"),
    "zero step": (lambda: dnn.Flow(gradient(), 0), ValueError, "a step h must be one finite number other than zero, got 0"),
    "NaN step": (lambda: dnn.Flow(gradient(), np.nan), ValueError, "a step h must be one finite number other than zero, got nan"),
    "infinite step": (lambda: dnn.RK4().step(gradient(), POINTS, np.inf), ValueError, "other than zero, got inf"),
    "zero step of a splitting": (lambda: dnn.Strang().vjp(dnn.SumField(gradient()), POINTS, 0.0), ValueError, "other than zero, got 0"),
    "zero step of a shear": (lambda: dnn.StormerVerlet().jvp(systems.pendulum(), POINTS, 0.0, POINTS), ValueError, "other than zero, got 0"),
    "learned step of zero": (lambda: dnn.Flow(gradient(), 0.0, learn_h=True), ValueError, "other than zero, got 0"),
    "step set to zero": (lambda: setattr(dnn.Flow(gradient(), 0.1), "h", 0.0), ValueError, "other than zero, got 0"),
    "learned step set to zero": (lambda: setattr(dnn.Flow(gradient(), 0.1, learn_h=True), "h", 0.0), ValueError, "other than zero, got 0"),
    "a vector of steps": (lambda: dnn.Flow(gradient(), [0.1, 0.2]), TypeError, "a step h must be a number, got [0.1, 0.2]"),
    "text for a step": (lambda: dnn.Flow(gradient(), "0.1"), TypeError, "a step h must be a number, got '0.1'"),
    "no steps": (lambda: dnn.Flow(gradient(), 0.1, steps=0), ValueError, "steps must be at least 1, got 0"),
    "half a step": (lambda: dnn.Flow(gradient(), 0.1, steps=1.5), TypeError, "steps must be an integer, got 1.5"),
    "implicit tableau": (lambda: dnn.RungeKutta([[0.5]], [1]), ValueError, "the tableau is not explicit: row 0 of A is [0.5]"),
    "tableau of disagreeing shapes": (lambda: dnn.RungeKutta([[], [0.5]], [1]), ValueError,
        "a tableau with 1 weights needs 1 rows in A, row i with i entries (or all with 1), got rows of lengths [0, 1]"),
    "ragged tableau": (lambda: dnn.RungeKutta([[], [0.5, 0, 0]], [0, 1]), ValueError, "got rows of lengths [0, 3]"),
    "inconsistent tableau": (lambda: dnn.RungeKutta([[], [0.5]], [1, 1]), ValueError, "b = [1.0, 1.0] sums to 2"),
    "weights that are nearly consistent": (lambda: dnn.RungeKutta([[], [0.5]], [0.0, 1.001]), ValueError, "sums to 1.001"),
    "NaN weights": (lambda: dnn.RungeKutta([[]], [np.nan]), ValueError, "coefficients of a tableau must be finite"),
    "an empty tableau": (lambda: dnn.RungeKutta([], []), ValueError, "a tableau with 0 weights"),
    "a tableau without weights": (lambda: dnn.RungeKutta([[]]), TypeError, "RungeKutta needs a tableau"),
    "rows with the diagonal": (lambda: dnn.RungeKutta([[0], [0.5, 0], [0.5, 0, 0]], [0, 1, 0]), ValueError, "got rows of lengths [1, 2, 3]"),
    "NaN tableau": (lambda: dnn.RungeKutta([[], [np.nan]], [0, 1]), ValueError, "coefficients of a tableau must be finite"),
    "no tableau": (lambda: dnn.RungeKutta(), TypeError, "RungeKutta needs a tableau"),
    "a tableau that is no list": (lambda: dnn.RungeKutta(1, 2), TypeError, "a tableau is a list of rows A and a list of weights b"),
    "a tableau for RK4": (lambda: dnn.RK4([[]], [1]), TypeError, "RK4 has its own tableau"),
    "symplectic Euler on an unpartitioned field": (lambda: dnn.Flow(gradient(), 0.1, dnn.SymplecticEuler()), TypeError,
        "SymplecticEuler needs a PartitionedField (f(v), g(x)), got a GradientField"),
    "the same, called directly": (lambda: dnn.SymplecticEuler().step(gradient(), POINTS, 0.1), TypeError, "got a GradientField"),
    "splitting of one field": (lambda: dnn.Flow(gradient(), 0.1, dnn.Strang()), TypeError, "Strang needs a SumField"),
    "splitting with too few methods": (lambda: dnn.Flow(dnn.SumField(gradient(), gradient()), 0.1, dnn.LieTrotter([dnn.Euler()])), ValueError,
        "LieTrotter has 1 inner methods for 2 parts"),
    "splitting with too many methods": (lambda: dnn.Flow(dnn.SumField(gradient()), 0.1, dnn.LieTrotter([dnn.Euler(), dnn.RK4()])), ValueError,
        "LieTrotter has 2 inner methods for 1 parts"),
    "splitting whose inner method does not fit": (lambda: dnn.Flow(dnn.SumField(gradient()), 0.1, dnn.Strang(dnn.StormerVerlet())), TypeError,
        "StormerVerlet needs a PartitionedField"),
    "a splitting of functions": (lambda: dnn.LieTrotter(np.sin), TypeError, "LieTrotter composes methods such as RK4(), got <ufunc 'sin'>"),
    "a method's class": (lambda: dnn.Flow(gradient(), 0.1, dnn.RK4), TypeError, "method must be a method object such as RK4()"),
    "a field that is no field": (lambda: dnn.Flow(affine(), 0.1), TypeError, "Flow needs a vector field, got Affine(2 → 2)"),
    "a field that leaves its space": (lambda: dnn.Flow(dnn.ResidualField(dnn.Dense(3, 2), dnn.Tanh()), 0.1), ValueError,
        "ResidualField(2 → 3) does not: give it a B"),
    "fields of different dimensions": (lambda: dnn.SumField(gradient(), systems.sir()), ValueError, "fields of one dimension, got [2, 3]"),
    "B that does not fit": (lambda: dnn.ResidualField(dnn.Dense(3, 2), dnn.Tanh(), dnn.Dense(2, 4)), ValueError,
        "B must act on the 3 values of A, got B: 4 → 2"),
    "C that does not fit": (lambda: dnn.MassPreservingField(dnn.Dense(5, 3), dnn.Tanh(), dnn.Dense(3, 6)), ValueError,
        "C must act on the 5 values of A, got C: 6 → 3"),
    "a sum of nothing": (lambda: dnn.SumField(), ValueError, "SumField needs at least one field, got none"),
    "a sum with a map": (lambda: dnn.SumField(gradient(), affine()), TypeError, "SumField adds vector fields, got Affine(2 → 2) at place 1"),
    "a method without a step": (lambda: dnn.Method().step(gradient(), POINTS, 0.1), NotImplementedError, "Method has no step"),
    "rows that make no skew matrix": (lambda: dnn.MassPreservingField(dnn.Dense(5, 3), dnn.Tanh()), ValueError,
        "A must have d² = 9 rows for vec M, or d(d − 1)/2 = 3 for its strict upper triangle, got 5"),
    "an invariant without hvp": (lambda: dnn.InvariantField(dnn.Dense(9, 3), dnn.Tanh(), np.sum), TypeError, "is no such object"),
    "an affine map for A": (lambda: dnn.GradientField(affine(), dnn.Tanh()), TypeError, "A must be a linear map such as Dense"),
    "a matrix for A": (lambda: dnn.GradientField(np.eye(2), dnn.Tanh()), TypeError, "A must be a linear map such as Dense"),
    "an activation's class": (lambda: dnn.GradientField(dnn.Dense(2, 2), dnn.Tanh), TypeError, "write Tanh(), not Tanh"),
    "a function for an activation": (lambda: dnn.GradientField(dnn.Dense(2, 2), np.tanh), TypeError, "must be an activation such as Tanh()"),
    "sign 2": (lambda: dnn.GradientField(dnn.Dense(2, 2), dnn.Tanh(), sign=2), ValueError, "sign must be −1 (descent) or +1 (ascent), got 2"),
    "alpha of the wrong length": (lambda: dnn.GradientField(dnn.Dense(2, 2), dnn.Tanh(), alpha=[1.0]), ValueError,
        "alpha of GradientField has shape (2,), got (1,)"),
    "integer dtype": (lambda: dnn.Dense(2, 2, dtype=int), TypeError, "dtype must be float64 or float32, got int64"),
    "no dtype at all": (lambda: dnn.Affine(2, 2, dtype="fast"), TypeError, "dtype must be float64 or float32, got 'fast'"),
    "dimension zero": (lambda: dnn.Dense(0, 2), ValueError, "dim_out must be at least 1, got 0"),
    "weight of the wrong shape": (lambda: dnn.Dense(2, 3, W=np.eye(2)), ValueError, "W of Dense has shape (2, 3), got (2, 2)"),
    "weight with a NaN": (lambda: dnn.Dense(2, 2, W=NAN), ValueError, "W of Dense must be finite, got nan at (1, 0)"),
    "zero weight normalised": (lambda: dnn.Dense(2, 2, W=np.zeros((2, 2))).normalise(), ValueError, "its weight is zero"),
    "a lift downwards": (lambda: dnn.Lift(2, 3), ValueError, "Lift needs dim_out ≥ dim_in, got 2 < 3"),
    "a restriction upwards": (lambda: dnn.Restriction(3, 2), ValueError, "Restriction needs dim_out ≤ dim_in, got 3 > 2"),
    "an infinite leak": (lambda: dnn.LeakyReLU(np.inf), ValueError, "LeakyReLU needs a finite slope, got inf"),
    "no inverse": (lambda: dnn.Flow(gradient(), 0.1).inverse(POINTS), NotImplementedError, "Euler has no explicit inverse"),
    "no square inverse": (lambda: dnn.Dense(3, 2).inverse(np.zeros(3)), NotImplementedError, "Dense(2 → 3) is not square"),
    "no Jacobian": (lambda: dnn.KnownField(np.sin, 2).vjp(POINTS), NotImplementedError, "made without its jacobian"),
    "a fun of the wrong shape": (lambda: dnn.KnownField(lambda x: x[..., :1], 2)(POINTS), ValueError, "(2, 2), but returned (2, 1)"),
    "a jacobian of the wrong shape": (lambda: dnn.KnownField(np.sin, 2, np.cos).jacobian(POINTS), ValueError, "shape (2, 2, 2), but has (2, 2)"),
    "a fun that is no function": (lambda: dnn.KnownField(3, 2), TypeError, "fun of KnownField must be a function of the state, got 3"),
    "a rollout of a map that leaves its space": (lambda: dnn.Rollout(dnn.Lift(3, 2), 2), ValueError, "Rollout iterates a map ℝᵈ → ℝᵈ"),
    "times back and forth": (lambda: dnn.exact_flow(gradient(), POINTS, [1.0, -1.0]), ValueError, "times that go one way from 0"),
    "a NaN initial state": (lambda: dnn.exact_flow(gradient(), NAN, 1.0), ValueError, "finite states and times"),
    "a solution that blows up": (lambda: dnn.exact_flow(dnn.KnownField(lambda x: x * x, 1), np.ones(1), 2.0), RuntimeError,
        "does not reach t = 2"),
    "NaN in x": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), NAN, POINTS), ValueError, "x must be finite, but x[1, 0] is nan"),
    "infinity in y": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS + np.inf), ValueError,
        "y must be finite, but y[0, 0] is inf (4 such entries)"),
    "NaN in the validation data": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, validation=(POINTS, NAN)), ValueError,
        "y of validation must be finite"),
    "x and y of different lengths": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, np.zeros((3, 2))), ValueError,
        "x and y must have the same length, got 2 and 3"),
    "batch size 0": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, batch_size=0), ValueError,
        "batch_size must be at least 1, got 0"),
    "no epochs": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, epochs=0), ValueError, "epochs must be at least 1, got 0"),
    "no data": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS[:0], POINTS[:0]), ValueError, "there is nothing to fit"),
    "mini-batches for LBFGS": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, dnn.LBFGS(), batch_size=1), ValueError,
        "LBFGS takes the whole batch at once"),
    "a loss's class": (lambda: dnn.fit(affine(), dnn.MeanSquaredError, POINTS, POINTS), TypeError, "loss must be an object"),
    "nothing to fit": (lambda: dnn.fit(dnn.Lift(3, 2), dnn.MeanSquaredError(), POINTS, POINTS), ValueError, "has no parameters to fit"),
    "a number for an optimiser": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, 1e-2), TypeError, "optimiser must"),
    "a negative rate": (lambda: dnn.Adam(-1e-3), ValueError, "rate must be a positive number, got -0.001"),
    "a target of another shape": (lambda: dnn.MeanSquaredError()(POINTS, np.zeros(2)), ValueError, "of the shape of y, (2, 2), got (2,)"),
    "labels out of range": (lambda: dnn.SoftmaxCrossEntropy()(POINTS, np.array([0, 2])), ValueError, "labels must lie in 0, …, 1, got 0 … 2"),
    "a negative label": (lambda: dnn.SoftmaxCrossEntropy()(POINTS, np.array([0, -1])), ValueError, "must lie in 0, …, 1, got -1 … 0"),
    "labels that are no integers": (lambda: dnn.SoftmaxCrossEntropy()(POINTS, np.array([0.0, 1.0])), TypeError, "labels must be integers"),
    "labels of another length": (lambda: dnn.SoftmaxCrossEntropy()(POINTS, np.array([0])), ValueError, "need labels of shape (2,), got (1,)"),
    "negative noise": (lambda: datasets.moons(10, noise=-1), ValueError, "noise is a standard deviation ≥ 0, got -1"),
    "no points": (lambda: datasets.rings(0), ValueError, "n must be at least 1, got 0"),
    "images of the wrong dimension": (lambda: affine().inverse(np.ones((4, 1))), ValueError,
        "Affine has images of dimension 2, got an array of shape (4, 1)"),
    "a covector for an adjoint": (lambda: dnn.Dense(3, 2).adjoint(np.ones(2)), ValueError, "Dense has images of dimension 3, got"),
    "a singular inverse": (lambda: dnn.Dense(2, 2, W=np.ones((2, 2))).inverse(np.ones(2)), ValueError, "its weight is singular"),
    "a word for a set": (lambda: dnn.KnownField(np.sin, 2, keeps="mass"), ValueError, "keeps must be a set out of energy, invariant"),
    "a misspelt word": (lambda: dnn.KnownField(np.sin, 2, keeps={"masss"}), ValueError, "got {'masss'}"),
    "a bound of a NaN step": (lambda: dnn.Euler().lipschitz(gradient(), np.nan), ValueError, "other than zero, got nan"),
    "a bound of a zero shear": (lambda: dnn.SymplecticEuler().lipschitz(partitioned(RNG), 0), ValueError, "other than zero, got 0"),
    "what a wrong pair keeps": (lambda: dnn.SymplecticEuler().preserves(gradient()), TypeError, "needs a PartitionedField"),
    "what a splitting of one field keeps": (lambda: dnn.Strang().preserves(gradient()), TypeError, "needs a SumField"),
    "no inner methods": (lambda: dnn.LieTrotter([]), ValueError, "LieTrotter needs at least one inner method, got none"),
    "letters in a tableau": (lambda: dnn.RungeKutta([["a"]], [1]), TypeError, "a tableau is a list of rows A"),
    "a complex step": (lambda: dnn.Flow(gradient(), 0.1 + 1j), TypeError, "the step of a Flow is a real number, got (0.1+1j)"),
    "no sign": (lambda: dnn.GradientField(dnn.Dense(2, 2), dnn.Tanh(), sign=0), ValueError, "sign must be −1 (descent) or +1 (ascent), got 0"),
    "a slope that is text": (lambda: dnn.LeakyReLU("steep"), ValueError, "LeakyReLU needs a finite slope, got 'steep'"),
    "no jacobian but a number": (lambda: dnn.KnownField(np.sin, 2, 3), TypeError, "jacobian of KnownField must be a function"),
    "two signs": (lambda: dnn.GradientField(dnn.Dense(2, 2), dnn.Tanh(), sign=np.array([1, 1])), ValueError, "sign must be −1"),
    "an invariant's class": (lambda: dnn.InvariantField(dnn.Dense(9, 3), dnn.Tanh(), dnn.Mass), TypeError, "is no such object"),
    "one number for logits": (lambda: dnn.SoftmaxCrossEntropy()(3.0, 1), ValueError, "logits must have shape (..., K)"),
    "complex data": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS + 1j, POINTS), TypeError, "x must hold real numbers"),
    "a rate that is text": (lambda: dnn.SGD("fast"), ValueError, "rate must be a positive number, got 'fast'"),
    "a momentum of one": (lambda: dnn.SGD(0.1, momentum=1), ValueError, "momentum must lie in [0, 1), got 1"),
    "spirals without turns": (lambda: datasets.spirals(10, turns=np.nan), ValueError, "turns must be a positive number"),
    "no prey": (lambda: systems.lotka_volterra(a=np.nan), ValueError, "the rates a, b, c, d must be positive numbers"),
    "a check of a float32 map": (lambda: dnn.checks.adjoint(dnn.Dense(2, 2, dtype=np.float32), POINTS), TypeError, "build it with dtype=float"),
    "a check without states": (lambda: dnn.checks.volume(affine(), POINTS[:0]), ValueError, "a check needs states"),
    "a reserved name": (lambda: dnn.Field().own(theta=np.ones(2)), ValueError, "theta is a name that Field uses already"),
    "another reserved name": (lambda: dnn.Field().own(divergence=np.ones(2)), ValueError, "divergence is a name that Field uses"),
    "a gradient of a piece that is none": (lambda: gradient().pack(c=np.ones(2)), ValueError,
        "GradientField has no piece c (it has A, b): give it to own(c=…)"),
    "a gradient that is not summed": (lambda: gradient().pack(b=np.ones((10, 3))), ValueError,
        "the gradient of b has shape (10, 3), but b has (3,): sum it over the batch axes"),
    "a check of a class": (lambda: dnn.checks.volume(dnn.Lift, POINTS), TypeError, "write Lift(…), not Lift"),
    "the order of a class": (lambda: dnn.checks.order(dnn.RK4, gradient(), POINTS), TypeError, "write RK4(), not RK4"),
    "the gradient of a loss's class": (lambda: dnn.value_and_grad(affine(), dnn.MeanSquaredError, POINTS, POINTS), TypeError,
        "write MeanSquaredError(), not MeanSquaredError"),
    "an inverse of a function": (lambda: dnn.checks.inverse(np.sin, POINTS), TypeError, "sin has no inverse"),
    "one sample": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS[0], POINTS[0]), ValueError, "a single sample is x[None]"),
    "a generator for a weight": (lambda: dnn.Dense(8, 2, RNG), TypeError, "a generator goes in as rng=…"),
    "one logit": (lambda: dnn.plotting.decision_regions(lambda x: x[..., :1], (0, 1), (0, 1), ax=0), ValueError, "logits (..., K) with K ≥ 2"),
    "an orbit that is none": (lambda: systems.kepler(1.0), ValueError, "an eccentricity in [0, 1), got 1.0"),
    "a flat body": (lambda: systems.rigid_body((1, 0, 2)), ValueError, "inertia must be three positive numbers"),
    "no function": (lambda: dnn.KnownField(None, 2), TypeError, "fun of KnownField must be a function of the state, got None"),
    "no words": (lambda: dnn.KnownField(np.sin, 2, keeps=""), ValueError, "keeps must be a set out of"),
    "half a tableau for RK4": (lambda: dnn.RK4(b=[1]), TypeError, "RK4 has its own tableau"),
    "a NaN time": (lambda: dnn.exact_flow(gradient(), POINTS, np.nan), ValueError, "finite states and times"),
    "a matrix of times": (lambda: dnn.exact_flow(gradient(), POINTS, [[1.0, 2.0]]), ValueError, "times that go one way from 0"),
    "no times": (lambda: dnn.exact_flow(gradient(), POINTS, []), ValueError, "times that go one way from 0"),
    "the same time twice": (lambda: dnn.exact_flow(gradient(), POINTS, [1.0, 1.0]), ValueError, "times that go one way from 0"),
    "times that come back": (lambda: dnn.exact_flow(gradient(), POINTS, [2.0, 1.0]), ValueError, "times that go one way from 0"),
    "an exact flow of float32": (lambda: dnn.exact_flow(dnn.ResidualField(dnn.Dense(2, 2, dtype="float32"), dnn.Tanh()), POINTS, 1.0), TypeError,
        "needs a float64 field and states, got float32"),
    "a complex learned step": (lambda: dnn.Flow(gradient(), 0.1 + 1j, learn_h=True), TypeError, "the step of a Flow is a real number, got (0.1+1j)"),
    "a step set to a complex number": (lambda: setattr(dnn.Flow(gradient(), 0.1), "h", 1j), TypeError, "the step of a Flow is a real number, got 1j"),
    "a rollout of a function": (lambda: dnn.Rollout(np.sin, 2), TypeError, "Rollout iterates a Map, got a ufunc"),
    "a rate of zero": (lambda: dnn.SGD(0.0), ValueError, "rate must be a positive number, got 0"),
    "an infinite rate": (lambda: dnn.Adam(np.inf), ValueError, "rate must be a positive number, got inf"),
    "validation data that are no pair": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), POINTS, POINTS, validation=3), TypeError,
        "validation must be a pair (x, y)"),
    "a hyperbola": (lambda: systems.kepler(-0.1), ValueError, "an eccentricity in [0, 1), got -0.1"),
    "a needle": (lambda: systems.rigid_body((1, np.inf, 2)), ValueError, "inertia must be three positive numbers"),
    "no predators": (lambda: systems.lotka_volterra(c=0), ValueError, "the rates a, b, c, d must be positive numbers"),
    "infinite noise": (lambda: datasets.moons(10, noise=np.inf), ValueError, "noise is a standard deviation ≥ 0, got inf"),
    "spirals with zero turns": (lambda: datasets.spirals(10, turns=0), ValueError, "turns must be a positive number, got 0"),
    "a dimension for a parameter": (lambda: dnn.Field().own(dim_in=np.ones(2)), ValueError, "dim_in is a name that Field uses already"),
    "a gradient that would be broadcast": (lambda: gradient().pack(b=1.0), ValueError, "the gradient of b has shape (), but b has (3,)"),
    "a number for x": (lambda: dnn.fit(affine(), dnn.MeanSquaredError(), 1.0, POINTS), ValueError, "x must hold a sample a row, got shape ()"),
    "a linear map without adjoint": (lambda: dnn.LinearMap().adjoint(POINTS), NotImplementedError, "LinearMap has no adjoint"),
    "a linear map without singular values": (lambda: dnn.LinearMap().lipschitz(), NotImplementedError, "no singular values of LinearMap are known"),
    "a loss without a value": (lambda: dnn.Loss().vjp(POINTS, POINTS), NotImplementedError, "Loss has no value"),
    "a method without an adjoint": (lambda: dnn.Method().vjp(gradient(), POINTS, 0.1), NotImplementedError, "Method has no hand-written adjoint"),
    "a method without a tangent": (lambda: dnn.Method().jvp(gradient(), POINTS, 0.1, POINTS), NotImplementedError, "Method has no hand-written tangent"),
    "a method without a constant": (lambda: dnn.Method().lipschitz(gradient(), 0.1), NotImplementedError, "no Lipschitz constant of Method is known"),
    "a map without a value": (lambda: dnn.Map()(POINTS), NotImplementedError, "Map has no value"),
    "a map without an adjoint": (lambda: dnn.Map().vjp(POINTS), NotImplementedError, "Map has no hand-written adjoint"),
    "a map without an inverse": (lambda: dnn.Network(gradient()).inverse(POINTS), NotImplementedError, "GradientField has no explicit inverse"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(name):
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=re.escape(message)), np.errstate(all="ignore"):
        mistake()


def test_a_failed_constructor_leaves_its_parts_free():
    X = residual(RNG)
    with pytest.raises(ValueError, match="other than zero"):
        dnn.Flow(X, 0.0)
    A = dnn.Dense(3, 4, rng=0)
    with pytest.raises(ValueError, match="B must act"):
        dnn.ResidualField(A, dnn.Tanh(), dnn.Dense(4, 2, rng=0))
    dnn.Network(
        dnn.Flow(X, 0.1),
        dnn.Flow(dnn.GradientField(A, dnn.Tanh()), 0.1),
        dnn.Flow(partitioned(RNG), 0.1, dnn.SymplecticEuler()),
    )


def test_a_refused_fit_leaves_theta_alone():
    net = affine()
    theta = net.theta.copy()
    with pytest.raises(ValueError, match="finite"):
        dnn.fit(net, dnn.MeanSquaredError(), NAN, POINTS)
    np.testing.assert_array_equal(net.theta, theta)


def test_a_splitting_of_ones_own_must_bring_its_substeps():
    with pytest.raises(NotImplementedError):
        dnn.integrators.Splitting.substeps(2)
