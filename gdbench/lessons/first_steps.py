"""What Adam's bias correction does far from the minimum of a quadratic, where the gradient hardly changes."""

from gdbench.lessons.descents import Frames, descents

FAR = 1e6
LR = 0.1


def bias_correction() -> Frames:
    """Adam with and without bias correction: `paths`, with the length of each step in learning rates as `moved`."""
    settings = {
        "with bias correction": {"rule": "adam", "lr": LR},
        "without": {"rule": "adam", "lr": LR, "bias_correction": False},
    }
    paths = descents("quadratic", [FAR], settings, steps=5000)
    return {"paths": paths.assign(moved=paths.groupby("label")["x0"].diff().abs() / LR)}


def slowing() -> Frames:
    """Adagrad and Adam where the gradient hardly changes: `steps`, with the length of each as `moved`, in lr."""
    paths = descents("quadratic", [FAR], {rule: {"lr": LR} for rule in ("adagrad", "adam")}, steps=1000)
    return {"steps": paths.assign(moved=paths.groupby("label")["x0"].diff().abs() / LR)}
