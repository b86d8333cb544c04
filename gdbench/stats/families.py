"""Families of problems: they differ in one thing only, which then explains the differences in their results.

families({"a": {"kind": "mlp", "hidden": [16], ...}, "b": {"kind": "mlp", "hidden": [64], ...}, ...})
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

SIZES = 3  # fewer do not determine a power
SPAN = 4  # nor do sizes that differ by less than this factor

# The axes that may vary, by their place in a problem's definition (suites/definitions.py).
AXES = {
    "hidden.width": "width",
    "hidden.depth": "depth",
    "subset": "samples",
    "dataset.samples": "samples",
    "samples": "samples",
    "dataset.features": "features",
    "dimensions": "dimensions",
    "options.dimension": "dimensions",
}


class Family(NamedTuple):
    """Problems that differ along one axis (a value of `AXES`), and the size of each along it."""

    axis: str
    sizes: dict[str, float]


def families(problems: Mapping[str, Mapping[str, Any]]) -> list[Family]:
    """For each axis, the family with the most sizes; the first one of equals.

    Too few or too close sizes make no family. problems: definitions by name, `about["problems"]` of a run.
    """
    facts = {name: dict(_facts(definition)) for name, definition in problems.items()}
    best: dict[str, Family] = {}
    for place, axis in AXES.items():
        groups: dict[str, dict[str, float]] = {}
        for name, own in facts.items():
            if type(own.get(place)) in (int, float) and own[place] > 0:
                others = json.dumps({key: value for key, value in own.items() if key != place}, sort_keys=True)
                groups.setdefault(others, {})[name] = own[place]
        for sizes in groups.values():
            if tell_a_power(sizes.values()) and len(set(sizes.values())) > _count(best.get(axis)):
                best[axis] = Family(axis, sizes)
    return [best[axis] for axis in dict.fromkeys(AXES.values()) if axis in best]


def tell_a_power(sizes: Any) -> bool:
    """Whether there are enough different sizes, and far enough apart, to fit a power law.

    >>> tell_a_power([16, 32, 64]), tell_a_power([16, 1024]), tell_a_power([10, 11, 12])
    (True, False, False)
    """
    distinct = set(sizes)
    return len(distinct) >= SIZES and max(distinct) >= SPAN * min(distinct)


def _count(family: Family | None) -> int:
    return len(set(family.sizes.values())) if family else 0


def _facts(definition: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a definition by its place; hidden layers of equal width become a width and a depth."""
    for key, value in definition.items():
        if isinstance(value, Mapping):
            yield from _facts(value, f"{place}{key}.")
        elif f"{place}{key}" == "hidden" and value and len(set(value)) == 1:
            yield "hidden.width", value[0]
            yield "hidden.depth", len(value)
        else:
            yield f"{place}{key}", value
