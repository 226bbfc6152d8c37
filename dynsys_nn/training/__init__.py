"""Training: the gradient of a loss over data, optimisers, `fit`, and many trainings at once."""

from .fit import fit
from .optimisers import LBFGS, SGD, Adam, Optimiser
from .rates import Cosine, OneCycle, Steps
from .run import History, TrainingDiverged
from .sweep import sweep
from .value_and_grad import hessian_times, value_and_grad

__all__ = [
    "LBFGS", "SGD", "Adam", "Cosine", "History", "OneCycle", "Optimiser", "Steps",
    "TrainingDiverged", "fit", "hessian_times", "sweep", "value_and_grad",
]  # fmt: skip
