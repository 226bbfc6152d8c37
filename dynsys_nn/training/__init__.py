"""Training: the gradient of a loss over a data set, optimisers, `fit`, and many trainings at once."""

from .fit import History, TrainingDiverged, fit
from .gradient import value_and_grad
from .optimisers import LBFGS, SGD, Adam, Optimiser
from .sweep import sweep

__all__ = ["LBFGS", "SGD", "Adam", "History", "Optimiser", "TrainingDiverged", "fit", "sweep", "value_and_grad"]
