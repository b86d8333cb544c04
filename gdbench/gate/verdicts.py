"""The words of a comparison: verdicts, their reasons, and their exit codes."""

from collections.abc import Iterable

# The gravest first: a comparison as a whole has the gravest verdict of its metrics.
VERDICTS = {
    "regressed": "head is worse than base by more than the margin",
    "failed": "a trial of head failed",
    "missing": "base has the metric and head does not",
    "inconclusive": "nothing can be said, and the reason says why",
    "changed": "bits differ, and the statistics of what they give show nothing worse or better",
    "improved": "head is better than base by more than the margin",
    "unchanged": "equal, or different by less than the margin",
}

REASONS = {
    "equal": "every bit, or the whole number, is the same",
    "within-margin": "the whole interval lies within the margin",
    "beyond-margin": "the difference exceeds the margin, at the level of the family (q)",
    "count-differs": "a number that is the same in every run of the same code differs",
    "suite-wide": "everything of this kind moved together, so look for one cause",
    "suspicious": "so much better that it may be doing less work than before",
    "bits-differ": "digests, or results without them, differ; whether they are worse, the other families say",
    "follows-bits": "a count that differs where digests do, since it follows the path of a trial",
    "setting-differs": "another setting was chosen on the tuning seeds",
    "noisy": "the interval reaches beyond the margin: take more rounds, or a quieter machine",
    "few-pairs": "so few pairs show no regression of one metric, even if all are worse: take more seeds or rounds",
    "among-many": "worse by itself, but not shown among so many metrics: take more seeds",
    "no-baseline": "base does not have it",
    "other-machine": "times of another machine say nothing about this one",
    "other-data": "the problem's data differ, so no trial has a counterpart",
    "not-in-head": "base has it and head does not",
    "failed-trial": "a trial of head failed, so it measured nothing, whatever it does in base",
}

FEW_PAIRS = "few-pairs"
SUSPICIOUS = 2.0  # an improvement by this factor is flagged
DONE, REGRESSION, UNUSABLE, UNDECIDED = 0, 1, 3, 4
EXIT_CODES = {"regressed": REGRESSION, "failed": UNUSABLE, "missing": UNUSABLE, "inconclusive": UNDECIDED}


def gravest(verdicts: Iterable[str]) -> str:
    """The verdict on all metrics together; `missing` if nothing was compared.

    >>> gravest(["unchanged", "inconclusive", "improved"]), gravest([])
    ('inconclusive', 'missing')
    """
    present = set(verdicts)
    return next((verdict for verdict in VERDICTS if verdict in present), "missing")


def fails(verdict: str, reason: str, *, strict: bool = False, few_pairs: bool = False) -> bool:
    """Whether a metric fails a check. strict: it also fails if its bits or its count differ from base.

    few_pairs: accept what looks worse in too few pairs to be called so. No check of them could ever say regressed.
    """
    differs = verdict == "changed" or reason == "count-differs"
    blind = verdict == "inconclusive" and reason == FEW_PAIRS and not few_pairs
    return EXIT_CODES.get(verdict) in (REGRESSION, UNUSABLE) or blind or (strict and differs)


def exit_code(verdict: str) -> int:
    """The exit code of a process whose verdict is this.

    >>> exit_code("regressed"), exit_code("failed"), exit_code("inconclusive"), exit_code("changed")
    (1, 3, 4, 0)
    """
    return EXIT_CODES.get(verdict, DONE)
