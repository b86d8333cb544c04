"""A GPU trains bit for bit as the CPU does: parameters after 1, 10, 100 and 1000 steps, in units in the last place."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gdbench.kernels.rules.contract import scalar_rules
from gdbench.verification.checks import Row, Rows, check, compare

if TYPE_CHECKING:
    from gdbench.verification.gpu import parity

DTYPES = ("float32", "float64")


def _rows(kind: str, dtypes: Iterable[str] = DTYPES, each: bool = False) -> Rows:
    """For each network of a list, the largest difference over all rules in units in the last place.

    each: a row for every rule instead.
    """
    from gdbench.verification.gpu import parity

    cases: list[parity.Case] = getattr(parity, kind)
    for case in cases:
        for dtype in dtypes:
            found = list(parity.compared(case, dtype, scalar_rules()))
            for group in [[one] for one in found] if each else [found]:
                name = group[0].rule if each else "all rules"
                yield from _compared(f"{name}, {case}, {dtype}", group)


def _compared(what: str, found: "list[parity.Compared]") -> Iterable[Row]:
    for count in found[0].ulps:
        worst = max(one.ulps[count] for one in found)
        yield compare(f"{what}: ULP after {count}", expected=0.0, measured=worst, tolerance=0.0)
    curves = sum(not one.equal for one in found)
    yield compare(f"{what}: curves whose digests differ", expected=0.0, measured=curves, tolerance=0.0)
    for where in filter(None, (one.where for one in found)):
        yield compare(f"first difference: {where}", expected=0.0, measured=1.0, tolerance=0.0)


@check("gpu-rules", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows("DEFAULTS", each=True)


@check("gpu-activations", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows("ACTIVATIONS")


@check("gpu-losses", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows("LOSSES")


@check("gpu-shapes", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows("SHAPES", DTYPES[:1])


@check("gpu-large", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows("LARGE")
