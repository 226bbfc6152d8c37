"""The state of a training in one file: θ, the optimiser's memory, the random state, the history."""

import json
import os

import numpy as np

from ..arguments import fingerprint, identity, refuse
from ..files import read_arrays, writable, write_arrays
from ..maps import every_map

__all__ = []

RECORDED = "loss", "validation", "seconds"
NAMES = "run", "theta", "random", *RECORDED


class Checkpoint:
    """A file from which a training continues to the bit, if it is the same.

    θ and the random state, too, must be those of the start, or those that the file has, or those
    with which Ctrl-C left the training. seeded: whether the caller gave the random numbers.
    """

    def __init__(self, path, run, optimiser, seeded):
        self.path = writable(path)
        self.seeded = seeded and (run.shuffled or run.augment is not None)
        self.made, self.starts = json.loads(json.dumps(made_of(run, optimiser))), [state(run)]

    def save(self, run, memory):
        """Write the state, all or nothing. TypeError if the optimiser keeps something besides
        numbers and arrays."""
        kept = {f"memory.{name}": np.asarray(value) for name, value in memory.items()}
        for name, value in memory.items():
            known = isinstance(value, float | int | np.generic | np.ndarray)
            if not known or kept[f"memory.{name}"].dtype.kind not in "fiub":
                raise TypeError(
                    "a checkpoint keeps numbers and arrays, but "
                    f"memory.{name} of the optimiser is not: {value!r}"
                )
        write_arrays(
            self.path, run=json.dumps(self.made), starts=json.dumps(self.starts),
            theta=run.net.theta, random=state(run)[1], **kept,
            **{name: getattr(run.history, name) for name in RECORDED},
        )  # fmt: skip

    def restore(self, run, memory):
        """Read the state into the run and the memory, and return True; or False if there is no file
        yet. ValueError for a file that is not a checkpoint, or that of another run."""
        if not os.path.exists(self.path):
            return False
        arrays = read_arrays(self.path, "checkpoint", NAMES)
        try:
            self.compare(arrays)
            run.net.theta = arrays["theta"]
            run.rng.bit_generator.state = json.loads(arrays["random"].item())
            for key, a in arrays.items():  # a step may have noted more than was there at the start
                if key.startswith("memory."):
                    name = key.removeprefix("memory.")
                    plain = type(memory.get(name, 0.0)) in (bool, int, float)
                    memory[name] = a if a.ndim else a.item() if plain else a[()]
            for name in RECORDED:
                getattr(run.history, name)[:] = arrays[name].tolist()
            run.began -= sum(run.history.seconds[-1:])  # as if it had gone on all the time
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"training cannot be resumed from {self.path}: {error}. "
                "Give another path, or remove the file"
            ) from error
        return True

    def compare(self, arrays):
        """ValueError, with what differs, if the file is of another run."""
        take = f'net.theta = np.load({self.path!r})["theta"]'
        refuse(
            "starts" not in arrays,
            "an earlier version of dynsys_nn wrote it, and did not note all that makes a run; "
            f"to begin with its parameters, {take}",
        )
        made, starts = json.loads(arrays["run"].item()), json.loads(arrays["starts"].item())
        made = {"augment": None, "clip": None} | made  # before there were such
        starts.append([fingerprint(arrays["theta"]), arrays["random"].item()])
        (theta, random), (thetas, randoms) = self.starts[0], zip(*starts, strict=True)
        another = "it is of another run, whose "
        if made != self.made:
            raise ValueError(another + difference("", made, self.made))
        refuse(
            theta not in thetas,
            f"{another}θ was another one at the start (to take it over, {take})",
        )
        refuse(
            self.seeded and random not in randoms,
            f"{another}rng was another one at the start (to go on, leave rng out)",
        )
        self.starts = starts

    def leave(self, run):
        """Note with which θ and random state an interrupted training is left, so that the session
        can take it up again."""
        if not os.path.exists(self.path):  # nothing was kept yet
            return
        arrays = read_arrays(self.path, "checkpoint", NAMES)
        arrays["starts"] = json.dumps([*json.loads(arrays["starts"].item()), state(run)])
        write_arrays(self.path, **arrays)


def state(run):
    """θ, as a fingerprint, and the random state, as JSON: a list of two strings."""
    random = run.rng.bit_generator.state
    return [fingerprint(run.net.theta), json.dumps(random, default=lambda a: a.tolist())]


def made_of(run, optimiser):
    """What makes a run, and must be the same for it to continue: name → what JSON knows."""
    parts = {id(F): (k, F) for k, F in enumerate(every_map(run.net))}  # known by their number
    try:
        for constraint in run.constraints:
            constraint.release()
        return {
            "augment": identity(run.augment),
            "clip": run.clip,
            "network": identity(run.net),
            "loss": identity(run.loss, dict(parts)),
            "optimiser": identity(optimiser, dict(parts)),
            "batch_size": run.batch_size if run.shuffled else len(run.x),
            "constraints": identity(run.constraints, dict(parts)),
            "penalties": identity(run.penalties, dict(parts)),
            "data": identity([run.x, run.y]),
            "validation data": identity(run.validation),
        }
    finally:
        for constraint in run.constraints:
            constraint.follow()


def difference(name, was, now):
    """Where two descriptions differ first: "optimiser.rate was 0.01, and now it is 0.02"."""
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        k = next(k for k in range(len(was)) if was[k] != now[k])
        return difference(f"{name}[{k}]", was[k], now[k])
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        key = next(key for key in was if was[key] != now[key])
        return difference(f"{name}.{key}".lstrip("."), was[key], now[key])
    if name == "validation data":
        was, now = ("left out" if data is None else "given" for data in (was, now))
    return f"{name} was {short(was)}, and now it is {short(now)}"


def short(code):
    """A description in a few words."""
    if isinstance(code, list):
        return f"[{', '.join(map(short, code))}]"
    return code["class"] if isinstance(code, dict) and "class" in code else str(code)
