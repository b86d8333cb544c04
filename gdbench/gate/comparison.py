"""Compare two sides, metric by metric: exact values exactly, all others by tests against a margin.

    found = compare(base, head)
    found.verdict, found.findings

Convergence is a function of the trial, so equal digests mean that nothing changed. If bits differ, trials are paired
and tested; a metric that is not shown to be worse or better is `changed`. Costs are never equal: a metric is
`unchanged` when its whole interval lies within the margin. Each family bounds the false discovery rate of its
`regressed` and `improved` metrics (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 1995).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from gdbench.gate.bits import Bits
from gdbench.gate.contents import apart
from gdbench.gate.measures import COUNTS, DATA, DIGEST, FAILED, NAMES, NONE, Values, by_metric, kind
from gdbench.gate.pairing import LEVEL, enough, to_compare
from gdbench.gate.sides import Side
from gdbench.gate.verdicts import FEW_PAIRS, REGRESSION, SUSPICIOUS, UNUSABLE, VERDICTS, exit_code, fails, gravest
from gdbench.stats.paired import differences, mcnemar, sign, unpaired

MARGIN = 0.03
APART = 0.25  # the least margin of timings that were not taken together; references do not show all that varies
TAKEN_APART = "the two timings were not taken together, so only gross differences count; `gate --ab` finds smaller ones"
OF_TARGET = ("steps_to_target", "success")
FOLLOWING = ("gradient_evaluations", "function_evaluations")  # counts that differ with the path of a trial
MOST_OF, LEAST = 0.8, 4  # the share of a kind's metrics that must move together, and how many the kind must have
UNITS = {"steps_to_target": "steps", "final_loss": "loss", "success": "share"}  # of `base` and `head`
PEAK = "times the peak"  # the unit of costs without seconds
TOGETHER = "too few trials report, so all trials of a rule are compared; base and head are of those that report"
NEGATIVE = "some values are negative, so the difference is a share of the larger one, not a ratio"
OF_TEST = ("ratio", "low", "high", "p", "pairs", "detectable")
COLUMNS = (
    *NAMES,
    *("verdict", "reason", "base", "head", "unit", "ratio", "low", "high", "margin", "p", "q", "pairs", "detectable"),
    "detail",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Verdicts on every metric of two sides.

    base, head: facts of the sides (gdbench/gate/sides.py). margin: a share. level: the false discovery rate of a
    family.
    findings: a row per metric, the gravest first. Its columns:
    the names of gdbench/gate/measures.py; `verdict, reason` (gdbench/gate/verdicts.py);
    `base, head`: counts, or the medians that the run's own tables show, in `unit`;
    `ratio, low, high`: head as a multiple of base with its 95 % interval, where more than 1 is worse, so of successes
    base over head (NaN where values are negative and have no ratio); `margin`: a share;
    `p, q`: of being worse or better by more than the margin, q after adjusting for the family; `pairs`: how many;
    `detectable`: the smallest ratio that such data would find four times in five; `detail`: a sentence.
    notes: sentences about the whole. samples: the raw samples, if costs were measured for this comparison
    (gdbench/ab/costs.py). excused: a metric without a baseline is no reason to fail. few_pairs: nor is one that looks
    worse in too few pairs to be called so.
    """

    base: dict[str, Any]
    head: dict[str, Any]
    findings: pd.DataFrame
    margin: float = MARGIN
    level: float = LEVEL
    notes: list[str] = field(default_factory=list)
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)
    excused: bool = False
    few_pairs: bool = False

    @property
    def verdict(self) -> str:
        """The gravest verdict of all metrics."""
        return gravest(self.findings["verdict"])

    def exit_code(self, *, strict: bool = False) -> int:
        """0, 1 (regression), 3 (failed or missing, nothing was compared, or too few pairs) or 4 (inconclusive).

        strict: also 1 if bits or counts changed.
        """
        pairs = list(zip(self.findings["verdict"], self.findings["reason"], strict=True))
        if strict and any(fails(*pair, strict=True) and not fails(*pair) for pair in pairs):
            return REGRESSION
        verdict = self.verdict
        if self.excused and pairs:
            verdict = gravest(["unchanged", *(verdict for verdict, reason in pairs if reason != "no-baseline")])
        return UNUSABLE if verdict == "inconclusive" and self.blind else exit_code(verdict)

    def fails(self, verdict: str, reason: str, *, strict: bool = False) -> bool:
        """Whether a metric with this verdict and reason fails the check."""
        return fails(verdict, reason, strict=strict, few_pairs=self.few_pairs)

    @property
    def blind(self) -> int:
        """How many metrics fail the check since they have too few pairs."""
        pairs = zip(self.findings["verdict"], self.findings["reason"], strict=True)
        return sum(self.fails(*pair) for pair in pairs if pair[1] == FEW_PAIRS)


def compare(
    base: Side, head: Side, *, margin: float = MARGIN, level: float = LEVEL, lenient: bool = False
) -> Comparison:
    """Compare head with base.

    margin: the share by which head may be worse without being called so; symmetric, as a ratio. level: the false
    discovery rate. lenient: leave out what base lacks, which is otherwise `inconclusive`.
    """
    findings = judge(compared(base, head, margin, level, lenient=lenient), level)
    return Comparison(base.facts, head.facts, findings, margin, level, list(notes(findings)))


def compared(base: Side, head: Side, margin: float, level: float, *, lenient: bool = False) -> Iterator[dict[str, Any]]:
    """A row per metric: its names, and either a verdict with its reason, or a test for `judge`."""
    mine, theirs = (by_metric(measures) for measures in _as_shown(base, head))
    mine, theirs, together = to_compare(mine, theirs, level)
    same_machine = base.facts["machine"] == head.facts["machine"]
    bits: dict[Any, Bits] = {}
    parted = apart(mine, theirs)
    for name in dict.fromkeys([*mine, *theirs]):
        group = name[2:]
        if group not in bits:
            bits[group] = Bits(*(side.get((*DIGEST, *group), NONE).texts for side in (mine, theirs)))
        if name[:2] == DATA:
            found = _parted(parted[name[2]]) if name[2] in parted else None
        elif name[2] in parted and _rests_on_data(name):
            found = bits[group].finding() if name[:2] == DIGEST and bits[group].failed else None
        elif name not in mine:
            found = _new(name, bits[group], lenient)
        elif name not in theirs:
            found = {"verdict": "missing", "reason": "not-in-head"}
        elif name[0] == "digest":
            found = bits[group].finding(lenient=lenient) if name[:2] == DIGEST else _setting(mine[name], theirs[name])
        elif name[0] == "cost":
            found = _cost(mine[name], theirs[name], margin, level, same_machine)
        elif name[0] == "count":
            found = _count(name[1], _first(mine[name]), _first(theirs[name]), bits[group], margin)
        else:
            found = _convergence(kind(name[1]), mine[name], theirs[name], bits[group], margin)
            if together and found is not None and "test" in found:
                found.setdefault("detail", TOGETHER)
        if found is not None:
            yield {**dict(zip(NAMES, name, strict=True)), **found}


def _as_shown(base: Side, head: Side) -> Iterator[pd.DataFrame]:
    """The measures of both sides; without what tables show if one of them does not have it, as a baseline."""
    both = all(side.measures["shown"].notna().any() for side in (base, head))
    for side in (base, head):
        yield side.measures if both else side.measures.assign(shown=np.nan)


def _first(values: Values) -> float:
    return next(iter(values.numbers.values()))


def _middles(base: Values, head: Values) -> dict[str, float]:
    """`base` and `head`: the medians that the tables of the two runs show."""
    mine, theirs = (float(np.median([*(side.shown or side.numbers).values()])) for side in (base, head))
    return {"base": mine, "head": theirs}


def _new(name: tuple[Any, ...], bits: Bits, lenient: bool) -> dict[str, Any] | None:
    """The finding for a metric that base lacks. A failed trial is reported even if the rest is left out."""
    if name[:2] == DIGEST and bits.failed:
        return bits.finding()
    return None if lenient else {"verdict": "inconclusive", "reason": "no-baseline"}


def _parted(why: str) -> dict[str, Any]:
    return {"verdict": "inconclusive", "reason": "other-data", "detail": why}


def _rests_on_data(name: tuple[Any, ...]) -> bool:
    """Whether a metric depends on what the data hold; the costs and counts of a step do not."""
    return name[0] in ("digest", "convergence") or name[1] in COUNTS


def _setting(base: Values, head: Values) -> dict[str, Any]:
    if base.texts == head.texts:
        return {"verdict": "unchanged", "reason": "equal"}
    return {"verdict": "changed", "reason": "setting-differs"}


def _cost(base: Values, head: Values, margin: float, level: float, same_machine: bool) -> dict[str, Any]:
    """The test of two timings that were not taken together: relative to the peak, whatever `base` and `head` show.

    A baseline keeps no seconds, so both are then multiples of what the peak takes.
    """
    mine, theirs = (np.array([*side.numbers.values()]) for side in (base, head))
    facts = {**_middles(base, head), "unit": "s" if base.shown and head.shown else PEAK}
    if not same_machine:
        return {**facts, "verdict": "inconclusive", "reason": "other-machine"}
    margin = max(margin, APART)
    test = unpaired(mine, theirs, np.log1p(margin), size=level)
    return {**facts, "test": test, "differs": False, "margin": margin, "detail": TAKEN_APART}


def _count(metric: str, base: float, head: float, bits: Bits, margin: float) -> dict[str, Any] | None:
    """The finding for a count: equal, more or fewer; None if the digests say that other trials were counted.

    The number of evaluations may follow from the path of a trial. Then a few more mean nothing, and many more may be
    what the change costs, or how it gains.
    """
    if metric in COUNTS and any((bits.lost, bits.new, bits.failed, bits.mended)):
        return None
    facts = {"base": base, "head": head, "ratio": head / base if base else np.nan}
    if head == base:
        return {**facts, "verdict": "unchanged", "reason": "equal"}
    if metric in FOLLOWING and bits.differ:
        few = head <= base * (1 + margin)
        return {**facts, "margin": margin, "verdict": "changed" if few else "inconclusive", "reason": "follows-bits"}
    return {**facts, "verdict": "regressed" if head > base else "improved", "reason": "count-differs"}


def _convergence(metric: str, base: Values, head: Values, bits: Bits, margin: float) -> dict[str, Any] | None:
    """The test of one metric over the trials that both sides have; None if all their bits are equal."""
    differ = bits.differs(base.numbers)
    if not differ and not bits.is_untold(base.numbers):
        return None
    common = [pair for pair in base.numbers if pair in head.numbers]
    if not common and metric in OF_TARGET:
        return {"verdict": "inconclusive", "reason": "no-baseline", "detail": "the two have different targets"}
    trained = [pair for pair in bits.distinct(common) if FAILED not in (base.texts.get(pair), head.texts.get(pair))]
    mine, theirs = (np.array([side.numbers[pair] for pair in trained]) for side in (base, head))
    if not trained:
        return None
    if metric == "success":
        shares = (float(np.mean([*(side.shown or side.numbers).values()])) for side in (base, head))
        facts = {**dict(zip(("base", "head"), shares, strict=True)), "unit": UNITS[metric]}
    else:
        facts = {**_middles(base, head), "unit": UNITS[metric]}
    if not differ and np.array_equal(mine, theirs):
        return {**facts, "pairs": len(mine), "verdict": "unchanged", "reason": "equal"}
    if metric == "success":
        return {**facts, "test": mcnemar(mine > 0, theirs > 0), "differs": True}
    if min(mine.min(), theirs.min()) < 0:
        facts |= {"detail": NEGATIVE, "shares": True}
    return {**facts, "test": sign(differences(mine, theirs), np.log1p(margin)), "differs": True, "margin": margin}


def notes(findings: pd.DataFrame) -> Iterator[str]:
    """Sentences about what many metrics have in common."""
    wide = findings[findings["reason"] == "suite-wide"]
    for (family, metric), members in wide.groupby(["family", "metric"], sort=False):
        total = _of_kind(findings, family, metric)
        ratio = np.exp(np.log(members["ratio"].astype(float)).median())
        size = "" if np.isnan(ratio) else f", in the middle to {ratio:.3f} of base"
        yield f"{metric} {members['verdict'].iloc[0]} in {len(members)} of {total} metrics{size}: look for one cause"


def judge(rows: Iterable[Mapping[str, Any]], level: float) -> pd.DataFrame:
    """The findings of a comparison: a row with a verdict keeps it, a row with a `test` gets one, by family.

    A tested row says whether the bits behind it differ (`differs`); then what is not proven is `changed`. It may also
    say that it was not `screened`: an earlier test of other data found nothing in it. Such rows are adjusted apart from
    those in which that test found something (gdbench/ab/costs.py).
    """
    frame = pd.DataFrame([dict(row) for row in rows])
    if not len(frame):
        return pd.DataFrame(columns=list(COLUMNS))
    frame = frame.reindex(columns=list(dict.fromkeys([*COLUMNS, "test", "differs", "screened", "shares"])))
    tested = frame["test"].notna()
    tests = frame.loc[tested, "test"]
    # Columns that are still empty have no type yet.
    frame = frame.astype(
        {**dict.fromkeys(OF_TEST, "float64"), **dict.fromkeys(("verdict", "reason", "unit", "detail"), object)}
    )
    for name in OF_TEST:
        frame.loc[tested, name] = [getattr(test, name) for test in tests]
    screened = frame["screened"].astype(object).fillna(True)
    for _, members in frame[tested].groupby(["family", screened[tested]]):
        frame.loc[members.index, "q"] = false_discovery_control(members["p"].astype(float))
        frame.loc[members.index, "among"] = len(members)
    if tested.any():
        frame.loc[tested, ["verdict", "reason"]] = [_verdict(row, level) for _, row in frame[tested].iterrows()]
    frame.loc[frame["shares"].eq(True), ["ratio", "low", "high", "detectable"]] = np.nan
    return _sorted(_together(frame)[list(COLUMNS)])


def _verdict(row: "pd.Series[Any]", level: float) -> tuple[str, str]:
    """The verdict on one test, and its reason.

    If bits differ, chance alone moves the estimate. So what looks worse is inconclusive in two cases only: the test
    alone is significant, though not among so many metrics, or so few pairs could not have shown more even if all were
    worse. What looks better without proof is no cause to look further.
    """
    test, margin = row["test"], np.log1p(row["margin"])
    if row["q"] <= level and test.worse < test.better:
        return "regressed", "beyond-margin"
    if row["q"] <= level:
        return "improved", "suspicious" if test.ratio * SUSPICIOUS <= 1 else "beyond-margin"
    if row["differs"]:
        few = not enough(test.pairs, row["among"], level)
        # Success has no margin; its effect on the steps is judged with the steps.
        graded = kind(row["metric"]) != "success"
        told = test.p <= level and test.worse < test.better
        if few and graded and (told or _log(test.ratio) > margin):
            return "inconclusive", FEW_PAIRS
        if told:
            return "inconclusive", "among-many"
        return "changed", "suspicious" if few and graded and test.ratio * SUSPICIOUS <= 1 else "bits-differ"
    if -margin <= _log(test.low) and _log(test.high) <= margin:
        return "unchanged", "within-margin"
    return "inconclusive", FEW_PAIRS if test.pairs < 2 else "noisy"


def _log(ratio: float) -> float:
    return float(np.log(ratio)) if ratio else -np.inf


def _of_kind(frame: pd.DataFrame, family: Any, metric: Any) -> int:
    """How many metrics of a kind there are, including those of convergence that equal bits have already judged."""
    tested = (frame["family"] == family) & (frame["metric"] == metric)
    equal = (frame["metric"] == "digest") & (frame["verdict"] == "unchanged") & (family == "convergence")
    return int((tested | equal).sum())


def _together(frame: pd.DataFrame) -> pd.DataFrame:
    """Give nearly all metrics of a kind that are worse, or better, together one reason: they have one cause."""
    for (family, metric), members in frame.groupby(["family", "metric"]):
        total = _of_kind(frame, family, metric)
        for verdict in ("regressed", "improved"):
            moved = members[members["verdict"] == verdict]
            if total >= LEAST and len(moved) >= MOST_OF * total and moved["reason"].ne("suspicious").all():
                frame.loc[moved.index, "reason"] = "suite-wide"
    return frame


def _sorted(findings: pd.DataFrame) -> pd.DataFrame:
    order = {verdict: number for number, verdict in enumerate(VERDICTS)}
    size = np.abs(np.log(findings["ratio"].astype(float).clip(1e-300, 1e300))).fillna(0.0)
    keys = pd.DataFrame({"verdict": findings["verdict"].map(order), "size": -size})
    return findings.loc[keys.sort_values(["verdict", "size"], kind="stable").index].reset_index(drop=True)
