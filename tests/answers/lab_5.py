"""Answers to lab 5."""

import numpy as np


def with_constant(lipschitz):
    return lambda Answer: type("Wrong", (Answer,), dict(lipschitz=lipschitz))


def largest(F):
    return np.linalg.svd(F.A, compute_uv=False)[0] ** 2


WRONG = [
    ("the constant is None", "2.1", "a constant is one number ≥ 0, got None", with_constant(lambda F: None)),
    ("an upper bound that is not sharp", "2.4", "the constant holds, and is 1.35 times what is found", with_constant(lambda F: 1 + F.h * largest(F))),
]  # fmt: skip

RIGHT = [
    ("the largest eigenvalue of AᵀA, by eigvalsh", lambda Answer: type("Right", (Answer,), dict(
        lipschitz=lambda F: max(abs(1 - F.h * np.linalg.eigvalsh(F.A.T @ F.A) * c).max() for c in (0.2, 1))))),
]  # fmt: skip
