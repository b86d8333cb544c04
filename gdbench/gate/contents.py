"""Whether both sides learned from the same data. Trials on other data have other keys and cannot be joined."""

from gdbench.gate.measures import DATA, UNTOLD, Metrics

SHOWN = 8  # digits of a hash


def apart(base: Metrics, head: Metrics) -> dict[str, str]:
    """For each problem of both sides whose trials cannot be joined, a sentence that says why.

    base, head: each side's metrics. A side made before gdbench stored hashes of data has none, and other keys.
    """
    mine, theirs = (_contents(side) for side in (base, head))
    pairs = [_pairs(side) for side in (base, head)]
    found = {}
    for problem in dict.fromkeys([*mine, *theirs]):
        known = [side.get(problem) for side in (mine, theirs)]
        trials = [side.get(problem, set()) for side in pairs]
        if known[0] == known[1] or not all(trials):
            continue
        if all(known):
            told = " and ".join(
                f"{side} has {str(text)[:SHOWN]}" for side, text in zip(("base", "head"), known, strict=True)
            )
            found[problem] = f"its data differ, {told}, so no trial has a counterpart: compare runs on the same data"
        elif trials[0].isdisjoint(trials[1]):
            old, new = ("base", "head") if known[1] else ("head", "base")
            found[problem] = (
                f"{old} was made before the hash of the data was part of a trial's key, and {new} has "
                f"{(known[1] or known[0] or '')[:SHOWN]}, so no trial has a counterpart: make {old} again"
            )
    return found


def _contents(side: Metrics) -> dict[str, str | None]:
    """The hash of each problem's data; None if the side does not have it."""
    texts = {name[2]: next(iter(values.texts.values())) for name, values in side.items() if name[:2] == DATA}
    return {problem: None if text == UNTOLD else str(text) for problem, text in texts.items()}


def _pairs(side: Metrics) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, values in side.items():
        if name[:2] == ("digest", "digest"):
            found.setdefault(name[2], set()).update(values.texts)
    return found
