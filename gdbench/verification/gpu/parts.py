"""The parts of `gdbench gpu-check`, each a generator of rows: parity with the CPU, the GPU's limits, and speeds."""

from collections.abc import Iterator
from typing import Any

from gdbench.kernels.compile import cuda
from gdbench.kernels.rules.contract import scalar_rules
from gdbench.stats.timings import costs, spreads
from gdbench.timing.gpu.references import GRAPH, graph, launch, levels, moving, peak, round_trip, update
from gdbench.timing.gpu.samples import Measured, measured
from gdbench.timing.pace import ON_GPU, UPDATES
from gdbench.verification.gpu import parity, races, throughput
from gdbench.verification.gpu.contract import WRONG, Budget, Part, Row

DTYPES = ("float32", "float64")
ALONE = ("adam", "sgd")  # the rules that are compared on the other networks, each of which compiles its own kernels
PARAMETERS = (2**26, 12 * 2**20)  # of the timed updates: 256 MiB and 48 MiB in float32
FEW = ("adam", "sgd")  # the rules whose updates are timed at every size


def launching(budget: Budget) -> Iterator[Row | str]:
    """Measure the cost of a launch."""
    found = measured([launch(), round_trip(), graph()], **ON_GPU._asdict(), limit=budget.left)
    for row in _costs(found):
        each = GRAPH if row["subject"].startswith("graph") else 1
        yield {"what": row["subject"], "µs a launch": row["median"] * 1e6 / each, **_bounds(row, 1e6 / each)}
    yield from filter(None, [found.words])


def ceilings(budget: Budget) -> Iterator[Row | str]:
    """Measure the GPU's limits: arithmetic in registers, and bandwidth."""
    import pandas as pd

    gpu = cuda.gpu()
    near, far = (level.name for level in levels(gpu))
    subjects = [peak(gpu, dtype) for dtype in DTYPES]
    subjects += [moving(gpu, level, part) for level in (far, near) for part in ("copy", "triad")]
    subjects.append(moving(gpu, near, "copy", cold=True))
    found = measured(subjects, **ON_GPU._asdict(), limit=budget.left)
    facts = {subject.name: subject for subject in subjects}
    frames = pd.DataFrame(found.samples), pd.DataFrame([subject.facts() for subject in subjects])
    slowest = spreads(*frames).set_index("subject")["spread"]
    for row in _costs(found):
        subject = facts[row["subject"]]
        amount, unit = (subject.flops, "GFLOP/s") if subject.flops else (subject.bytes, "GB/s")
        assert amount is not None
        speed = amount / row["median"] / 1e9
        spread = slowest.get(subject.name)
        yield {
            "what": subject.name,
            "samples": "cold" if subject.cold else "hot",
            "speed": speed,
            "unit": unit,
            "slowest round": None if spread is None else f"+{100 * spread:.1f} %",
        }
    yield _clocks(found)
    yield from filter(None, [found.words])


def equality(budget: Budget) -> Iterator[Row | str]:
    """Compare the parameters of GPU and CPU in units in the last place."""
    for dtype in DTYPES:
        for case in parity.DEFAULTS:
            for found in parity.compared(case, dtype, scalar_rules()):
                yield _compared(found.rule, [found])
    for dtype in DTYPES:
        for case in (*parity.ACTIVATIONS, *parity.LOSSES):
            yield _compared("all", list(parity.compared(case, dtype, scalar_rules(), search=False)))
    for case in (*parity.SHAPES, *parity.LARGE):
        chosen = [rule for rule in scalar_rules() if rule.name in ALONE]
        yield _compared(", ".join(rule.name for rule in chosen), list(parity.compared(case, "float32", chosen)))


def _compared(rules: str, found: list[parity.Compared]) -> Row:
    """A row with the largest differences of several rules on one network."""
    worst = {count: max(each.ulps[count] for each in found) for count in found[0].ulps}
    return {
        "dtype": found[0].dtype,
        "network": str(found[0].case),
        "rule": rules,
        **{f"ULP after {count}": value for count, value in worst.items()},
        "curves": "equal" if all(each.equal for each in found) else "differ",
        "first difference": "; ".join(each.where for each in found if each.where) or None,
        "verdict": "ok" if all(each.ok for each in found) else WRONG,
    }


def updating(budget: Budget) -> Iterator[Row | str]:
    """Time each rule's fused update, and a copy in the same rounds."""
    gpu, words = cuda.gpu(), []
    rules = sorted(scalar_rules(), key=lambda rule: rule.name not in FEW)
    for parameters in PARAMETERS:
        for rule in rules if parameters == PARAMETERS[0] else rules[: len(FEW)]:
            subjects = moving(gpu, levels(gpu)[-1].name, "copy"), update(gpu, rule, "float32", parameters)
            found = measured(subjects, **UPDATES._asdict(), limit=budget.left)
            took = {row["subject"]: row["median"] for row in _costs(found)}
            copied, own = ((subject.bytes or 0.0) / took[subject.name] for subject in subjects)
            words.append(found.words)
            yield {
                "rule": rule.name,
                "parameters": parameters,
                "µs": took[subjects[1].name] * 1e6,
                "GB/s": own / 1e9,
                "copy GB/s": copied / 1e9,
                "of the copy": f"{100 * own / copied:.1f} %",
            }
    yield from dict.fromkeys(filter(None, words))


def _costs(found: Measured) -> list[dict[str, Any]]:
    """The seconds per step of each subject, with bounds."""
    import pandas as pd

    rows: list[dict[str, Any]] = costs(pd.DataFrame(found.samples)).to_dict("records")
    return rows


def _bounds(row: dict[str, Any], scale: float) -> dict[str, float]:
    return {"low": row["low"] * scale, "high": row["high"] * scale}


def _clocks(found: Measured) -> str:
    """A sentence with the clocks of the samples."""
    known = [clock for pair in found.clocks for clock in pair if clock is not None]
    if not known:
        return "Clocks: not known."
    speeds, memory = [clock.sm for clock in known], sorted({clock.memory for clock in known})
    spoken = " and ".join(map(str, memory))
    return f"Clocks: multiprocessors {min(speeds)} to {max(speeds)} MHz, memory {spoken} MHz."


PARTS = (
    Part("launch", "What a launch costs", 15, launching),
    Part("ceilings", "The GPU at its best", 30, ceilings),
    Part("parity", "The CPU's numbers: units in the last place after so many steps", 110, equality),
    Part("sweep", "Sweeps of small networks, trial-steps a second", 140, throughput.sweeps),
    Part("updates", "Updates beside a copy", 70, updating),
    Part("large", "One large network", 45, throughput.large),
    Part("races", "Reads, writes and races by compute-sanitizer", 60, races.races),
)
