"""The state of a training after an epoch, in one file: θ, the optimiser's memory, the random state and the history."""

import json
import os
import zlib

import numpy as np

from ..maps import architecture, read_arrays, write_arrays

NAMES = "run", "theta", "random", "loss", "validation", "seconds"


class Checkpoint:
    """A file from which a training goes on to the bit. run: name → what must be the same for that, a string each."""

    def __init__(self, path, run):
        self.path, self.run = os.fspath(path), run

    def save(self, theta, memory, rng, history):
        """Write the state, all or nothing. TypeError where the optimiser keeps something besides numbers and arrays."""
        kept = {f"memory.{name}": np.asarray(value) for name, value in memory.items() if name != "blocks"}
        for name, value in kept.items():
            if value.dtype.kind not in "fiub":
                raise TypeError(f"a checkpoint keeps numbers and arrays, but {name} of the optimiser is not: {value}")
        write_arrays(
            self.path, run=json.dumps(self.run), theta=theta, random=json.dumps(rng.bit_generator.state, default=listed),
            loss=history.loss, validation=history.validation, seconds=history.seconds, **kept,
        )  # fmt: skip

    def restore(self, theta, memory, rng, history):
        """Read the state into all four, in place, and return True; or False where there is no file yet. ValueError for a file that
        is no checkpoint, or that of another run."""
        if not os.path.exists(self.path):
            return False
        names = [name for name in memory if name != "blocks"]  # the constraints know these
        arrays = read_arrays(self.path, "checkpoint", (*NAMES, *(f"memory.{name}" for name in names)))
        try:
            run = json.loads(arrays["run"].item())
            for name, value in self.run.items():
                if run[name] != value:
                    raise ValueError(f"it is of another run, whose {name} was {run[name]}, and now it is {value}")
            kept = {name: arrays[f"memory.{name}"] for name in names}
            rng.bit_generator.state = json.loads(arrays["random"].item(), object_hook=unlisted)
            theta[...] = arrays["theta"]
            memory.update((name, value if value.ndim else value.item()) for name, value in kept.items())
            for name in ("loss", "validation", "seconds"):
                getattr(history, name)[:] = arrays[name].tolist()
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"the checkpoint {self.path} cannot be gone on from: {error}. Give another path, or remove the file"
            ) from error
        return True


def run_of(net, loss, optimiser, batch_size, constraints, **data):
    """What must be the same for a training to go on: name → string."""
    try:
        network = architecture(net)
    except TypeError:  # maps of one's own
        network = repr(net)
    shapes = {name: view.shape for name, view in net.parameters.items()}
    arrays = {name: fingerprint(*pair) for name, pair in data.items()}
    return {
        "network": f"{network} with {net.theta.dtype} parameters {shapes}", "loss": repr(loss), "optimiser": repr(optimiser),
        "batch_size": str(batch_size), "constraints": repr(constraints), **arrays,
    }  # fmt: skip


def fingerprint(*arrays):
    """Shapes, dtypes and a checksum of arrays, as a string."""
    return ", ".join(f"{a.dtype} {a.shape} {zlib.crc32(np.ascontiguousarray(a).tobytes()):08x}" for a in arrays)


def listed(array):
    """An array in a random state, as JSON."""
    return {"array": array.tolist(), "dtype": str(array.dtype)}


def unlisted(code):
    return np.array(code["array"], code["dtype"]) if code.keys() == {"array", "dtype"} else code
