"""Which trials of a rule are compared, and whether they are enough to ever show a regression.

    base, head, together = to_compare(base, head, level)
    enough(pairs=8, metrics=25, level=0.05)

The least p of n pairs is 2^(1 - n), which may be too large among many metrics.
"""

from collections.abc import Iterator

from gdbench.gate.measures import AT, DIGEST, NONE, SEED, TUNING, UNTOLD, Metrics, Values, by_metric, kind
from gdbench.gate.sides import Side
from gdbench.stats.claims import fewest_pairs

LEVEL = 0.05  # the false discovery rate of a family


def enough(pairs: float, metrics: float, level: float) -> bool:
    """Whether so many pairs that are all worse show a regression of one metric alone among so many."""
    return bool(2.0 ** (1 - pairs) <= level / metrics)


def too_few(side: Side) -> Iterator[str]:
    """A sentence about a baseline if some metric of convergence has too few pairs to ever be called regressed."""
    metrics = by_metric(side.measures)
    metrics, *_ = to_compare(metrics, {}, LEVEL)
    tested = _converging(metrics)
    # The gate judges successes with the steps.
    few = {name: count for name, count in _pairs(metrics, tested).items() if kind(name[1]) != "success"}
    few = {name: count for name, count in few.items() if not enough(count, len(tested), LEVEL)}
    if not few:
        return
    least, most = min(few.values()), max(few.values())
    seeds = all(pair.startswith(SEED) for name in few for pair in metrics[name].numbers)
    noun = ("seed" if seeds else "trial") + ("" if most == 1 else "s") + ("" if seeds else " of a rule")
    yield (
        f"{least if least == most else f'{least} to {most}'} {noun} can never show a regression of one metric alone "
        f"among {len(tested)}, at a level of {100 * LEVEL:g} %; {fewest_pairs(len(tested))} can. Where something looks "
        "worse in too few, `gdbench gate` fails unless --allow-few-pairs is given."
    )


def to_compare(base: Metrics, head: Metrics, level: float) -> tuple[Metrics, Metrics, bool]:
    """The metrics to compare: of the reporting trials, or of all trials together if those alone can prove nothing.

    A tuned rule is judged by its reporting trials; the many settings that were tried would drown them. But they may be
    too few among so many metrics. Then all trials of a rule are taken together, which still shows what became of most
    of them. Base decides this, whatever head adds.
    """
    reporting = _of_reporting(base)
    names = _converging(reporting)
    fewest = min(_pairs(base, names).values(), default=0)
    if not names or enough(fewest, len(names), level):
        return _of_reporting(base), _of_reporting(head), False
    return _together(base), _together(head), any(name[1] != kind(name[1]) for name in _converging(base))


def _converging(metrics: Metrics) -> list[tuple[str, ...]]:
    return [name for name in metrics if name[0] == "convergence"]


def _pairs(metrics: Metrics, names: list[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """How many trials of each metric are no copies of another: if no seed matters, those of a setting are the same."""
    found = {}
    for name in names:
        digests = metrics.get((*DIGEST, *name[2:]), NONE)
        told = [digests.texts.get(pair.partition(AT)[0], UNTOLD) for pair in metrics[name].numbers]
        found[name] = told.count(UNTOLD) + len({*told} - {UNTOLD})
    return found


def _of_reporting(metrics: Metrics) -> Metrics:
    """The metrics without those of the tuning trials, of which only the digests count."""
    return {name: values for name, values in metrics.items() if not name[1].startswith(TUNING)}


def _together(metrics: Metrics) -> Metrics:
    """The metrics with the trials of all roles merged. A run's tables show the reporting trials alone."""
    found: Metrics = {}
    for (family, metric, *group), values in metrics.items():
        if family != "convergence":
            found[family, metric, *group] = values
            continue
        merged = found.setdefault((family, kind(metric), *group), Values({}, {}, {}))
        merged.numbers.update(values.numbers)
        merged.texts.update(values.texts)
        if metric == kind(metric):
            merged.shown.update(values.shown or values.numbers)
    return found
