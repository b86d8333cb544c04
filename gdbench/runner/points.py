"""How many steps a trial has, at which of them it is evaluated, and how often it looks at its target."""

import math
from collections.abc import Mapping

MAX_EPOCH_ENDS = 1000  # of a trial that are evaluated
TUNING_LOOKS = 100  # of a trial that chooses
DEAREST = 10.0  # times the steps: what the looks of a trial that is reported may cost


def total_steps(budget: Mapping[str, int], per_epoch: int) -> int:
    """The most steps that a budget allows; a budget of evaluations bounds them, since a step takes at least one.

    per_epoch: steps in an epoch.
    """
    if "epochs" in budget:
        return budget["epochs"] * per_epoch
    (count,) = budget.values()
    return count


def evaluation_points(evaluate: Mapping[str, int], total: int, per_epoch: int | None) -> list[int]:
    """The steps at which a trial of `total` steps is evaluated, from 0 to total.

    {every: k}: multiples of k. {points: 2}: first and last. {points: p}: every epoch's end, evenly thinned to 1000, and
    the unique round(total^(i / (p - 1))). per_epoch: steps in an epoch; None for a function, which has no epochs.

    >>> evaluation_points({"points": 5}, total=16, per_epoch=6)
    [0, 1, 2, 4, 6, 8, 12, 16]
    >>> evaluation_points({"points": 5}, total=16, per_epoch=None)
    [0, 1, 2, 4, 8, 16]
    """
    if "every" in evaluate:
        return [*range(0, total, evaluate["every"]), total]
    count = evaluate["points"]
    if count == 2:
        return [0, total]
    stride = per_epoch * -(-(total // per_epoch) // MAX_EPOCH_ENDS) or total if per_epoch else total
    ends = range(stride, total + 1, stride)
    spread = (round(total ** (i / (count - 1))) for i in range(count))
    return sorted({0, *ends, *spread, total})


def steps_between_looks(role: str, total: int, look_cost: float) -> int:
    """After how many steps a trial of `total` steps looks at its target again.

    A trial that is reported looks after every step. If a whole look costs more than ten steps, it looks less often:
    after the fewest steps that keep all looks at ten times the steps. A trial that chooses needs only a hundred looks.
    look_cost: `Problem.look_cost`.

    >>> steps_between_looks("report", 1000, 3.0), steps_between_looks("report", 1000, 25.0)
    (1, 3)
    >>> steps_between_looks("tune", 1001, 3.0)
    11
    """
    if role == "tune":
        return -(-total // TUNING_LOOKS)
    return max(1, math.ceil(look_cost / DEAREST))
