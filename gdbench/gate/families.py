"""A comparison cut down to some families of metrics."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from gdbench.errors import UsageError, nearest
from gdbench.gate.comparison import Comparison, notes
from gdbench.gate.measures import FAMILIES, OF_TRIALS

UNCOUNTED = ("failed-trial", "not-in-head", "no-baseline")  # reasons of a digest that no other row reports


def check(families: Iterable[str]) -> None:
    """Raise UsageError for an unknown family."""
    for family in families:
        if family not in FAMILIES:
            raise UsageError(f"--family {family} is not known{nearest(family, FAMILIES)}")


def only(comparison: Comparison, families: Collection[str]) -> Comparison:
    """The comparison without the other families; raises UsageError as `check` does.

    Each family has its own false discovery rate, so the families that stay are judged as before. Convergence keeps the
    digests too, because their equality is its verdict. Counts keep the digests of trials that failed, are missing or
    are new.
    """
    check(families)
    found = comparison.findings
    kept = found["family"].isin([*families, *(["digest"] if "convergence" in families else [])])
    if OF_TRIALS & set(families):
        kept |= (found["family"] == "digest") & found["reason"].isin(UNCOUNTED)
    found = found[kept].reset_index(drop=True)
    return replace(comparison, findings=found, notes=list(notes(found)))
