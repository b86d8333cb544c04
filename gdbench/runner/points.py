"""How long a trial is and at which of its steps it is looked at."""

from collections.abc import Mapping

MAX_EPOCH_ENDS = 1000


def total_steps(budget: Mapping[str, int], per_epoch: int) -> int:
    """The steps that a budget allows at most; of evaluations, a step takes at least one."""
    if "epochs" in budget:
        return budget["epochs"] * per_epoch
    (count,) = budget.values()
    return count


def evaluation_points(evaluate: Mapping[str, int], total: int, per_epoch: int | None) -> list[int]:
    """The steps at which a trial of `total` steps is evaluated, from 0 to total.

    {every: k}: multiples of k. {points: 2}: first and last. {points: p}: every epoch's end (evenly thinned to 1000 of
    them; a function has none, None) and the unique round(total^(i / (p - 1))).

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
