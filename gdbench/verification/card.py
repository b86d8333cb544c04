"""A GPU trains as the CPU does, to the bit: parameters after 1, 10, 100 and 1000 steps, in units in the last place."""

from collections.abc import Iterable

from gdbench.gpu import parity
from gdbench.verification.checks import Row, Rows, check, compare

DTYPES = ("float32", "float64")


def _rows(cases: Iterable[parity.Case], dtypes: Iterable[str] = DTYPES, each: bool = False) -> Rows:
    """The units by which the worst rule is off on each network, or those of each rule by itself."""
    for case in cases:
        for dtype in dtypes:
            found = list(parity.compared(case, dtype, parity.rules()))
            for group in [[one] for one in found] if each else [found]:
                name = group[0].rule if each else "all rules"
                yield from _compared(f"{name}, {case}, {dtype}", group)


def _compared(what: str, found: list[parity.Compared]) -> Iterable[Row]:
    for count in found[0].ulps:
        worst = max(one.ulps[count] for one in found)
        row = compare(f"{what}: ULP after {count}", expected=0.0, measured=worst, tolerance=0.0)
        yield row
    curves = sum(not one.equal for one in found)
    yield compare(f"{what}: curves whose digests differ", expected=0.0, measured=curves, tolerance=0.0)
    for where in filter(None, (one.where for one in found)):
        yield compare(f"first difference: {where}", expected=0.0, measured=1.0, tolerance=0.0)


@check("gpu-rules", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows([parity.DEFAULT], each=True)


@check("gpu-activations", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows(parity.ACTIVATIONS)


@check("gpu-losses", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows(parity.LOSSES)


@check("gpu-shapes", "the CPU's training", backend="cuda")
def _() -> Rows:
    yield from _rows(parity.SHAPES, DTYPES[:1])
