"""All families of checks, which compare known numbers with those of this installation.

    for row in verify(["adam-first-step"]):
        row.what, row.expected, row.measured, row.verdict

A family of checks is one module; importing this module registers them. They run in the order of `_ORDER`, with those
that take long to compile last.
"""

from collections.abc import Callable, Iterator, Sequence

from gdbench.verification import (
    card,
    data_sets,
    deepobs,
    digits,
    failures,
    first_steps,
    functions,
    networks,
    peers,
    quadratics,
    tables,
)
from gdbench.verification.checks import CHECKS, Check, Row, chosen
from gdbench.verification.compiling import FAMILIES, compiled_ahead

_ORDER = (
    *(data_sets, quadratics, first_steps, failures, tables, peers, deepobs, functions, networks, digits),
    card,
)
_PLACES = {module.__name__.rpartition(".")[2].replace("_", "-"): place for place, module in enumerate(_ORDER)}
# A family may have been imported by itself, before the others.
for _check in sorted(CHECKS.values(), key=lambda check: _PLACES[check.family]):
    CHECKS[_check.name] = CHECKS.pop(_check.name)


def verify(
    names: Sequence[str] = (),
    starting: Callable[[Check], None] = lambda check: None,
    backends: Sequence[str] = ("cpu",),
) -> Iterator[Row]:
    """The rows of these checks or families, as they are computed; without names, all checks of these backends.

    starting: called with each check before it runs. Raises UsageError for an unknown name.
    """
    checks = chosen(names, backends)
    both = {check.family in FAMILIES for check in checks} == {True, False}
    with compiled_ahead(wanted=both) as ready:
        for check in checks:
            starting(check)
            if check.family in FAMILIES:
                ready()
            yield from check.rows()
