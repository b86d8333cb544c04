"""Which trials of a rule are compared, and whether they are enough to ever show a regression.

    alike = of_reporting if telling(base, level) else together_again
    base, head = alike(base), alike(head)

The least p of n pairs is 2^(1 - n), which may be too large among many metrics.
"""

from collections.abc import Iterator

from gdbench.gate.measures import AT, DIGEST, NONE, SEED, TUNING, UNTOLD, Metrics, Values, by_metric, kind
from gdbench.gate.sides import Side
from gdbench.stats.claims import fewest_pairs

LEVEL = 0.05  # the false discovery rate of a family


def too_few(side: Side, level: float = LEVEL) -> Iterator[str]:
    """A sentence about a baseline if some metric of convergence has too few pairs to ever be called regressed."""
    metrics = by_metric(side.measures)
    metrics = of_reporting(metrics) if telling(metrics, level) else together_again(metrics)
    tested = {name: values for name, values in metrics.items() if name[0] == "convergence"}
    pairs = {
        name: _distinct(values, metrics.get((*DIGEST, *name[2:]), NONE))
        for name, values in tested.items()
        if kind(name[1]) != "success"  # which the gate judges with the steps
    }
    fewest, needed = min(pairs.values(), default=0), fewest_pairs(max(1, len(tested)))
    few = [name for name, count in pairs.items() if count < needed]
    if not few:
        return
    seeds = all(pair.startswith(SEED) for pair in tested[few[0]].numbers)
    noun = ("seed" if seeds else "trial of a rule") if fewest == 1 else "seeds" if seeds else "trials of a rule"
    many = "1 metric" if len(tested) == 1 else f"{len(tested)} metrics"
    where = "" if len(few) == len(pairs) else f" ({len(few)} of them have so few)"
    yield (
        f"{fewest} {noun} can never show a regression among {many} of convergence{where}; {needed} can. "
        "Where something looks worse in too few, `gdbench gate` fails unless --allow-few-pairs is given."
    )


def _distinct(values: Values, digests: Values) -> int:
    """How many trials are no copies of another: if no seed matters, all trials of a setting are the same."""
    told = [digests.texts.get(pair.partition(AT)[0], UNTOLD) for pair in values.numbers]
    return told.count(UNTOLD) + len({*told} - {UNTOLD})


def telling(base: Metrics, level: float) -> bool:
    """Whether the reporting trials alone can prove anything.

    A tuned rule is judged by its reporting trials; the many settings that were tried would drown them. But n pairs give
    a p of 2^(1 - n) at best, which may be too large among so many metrics. Then all trials of a rule are taken
    together, which still shows what became of most of them. Base decides this, whatever head adds.
    """
    names = [name for name in base if name[0] == "convergence" and not name[1].startswith(TUNING)]
    fewest = min((len(base[name].numbers) for name in names), default=0)
    return 2.0 ** (1 - fewest) * len(names) <= level


def of_reporting(metrics: Metrics) -> Metrics:
    """The metrics without those of the tuning trials, of which only the digests count."""
    return {name: values for name, values in metrics.items() if not name[1].startswith(TUNING)}


def together_again(metrics: Metrics) -> Metrics:
    """The metrics with the trials of all roles merged. A run's tables show the reporting trials alone."""
    found: Metrics = {}
    for (family, metric, *group), values in metrics.items():
        merged = found.setdefault((family, kind(metric), *group), Values({}, {}, {}))
        merged.numbers.update(values.numbers)
        merged.texts.update(values.texts)
        if metric == kind(metric):
            merged.shown.update(values.shown or values.numbers)
    return found
