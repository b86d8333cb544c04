"""How often does a page claim a difference between rules that are equal? Pages of equal rules under different names.

    python tests/claims_trials.py [--pages 400] [--rules 6 15] [--batches 1 3] [--seeds 5 10 20] [--rates 1]

Each page has rules whose steps to the target come from one distribution: lognormal, in whole steps, some never there.
The tuning seeds choose the learning rates, the batch sizes and the reference, as on a page; `--untuned` leaves these
seeds out, and only the first rule has more than one learning rate: the more of them, the luckier the best one. A claim
is a rule outside the first group, or a batch size that is called different, in any unit that the page offers: time,
epochs, steps. Prints a Markdown table. Exit code 1 if more than 5 % of the pages of any row make
a claim, beyond what chance explains (a one-sided binomial test at 1 %). The whole takes half an hour on one core.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gdbench.stats.claims import LEVEL
from gdbench.stats.soonest import Judged, soonest

NEVER = 0.05  # the share of trials that never get there
CHANCE = 0.01  # by which a row may be called too bad although it is not
ROUNDS = 10  # of a timing


def page(
    rules: int, batches: int, seeds: int, rng: np.random.Generator, *, rates: int = 1, tuned: bool = True
) -> pd.DataFrame:
    """The trials of a page of equal rules: their steps do not depend on the rule. Batches of all sizes take as long."""
    names = [f"rule {number}" for number in range(rules)]
    frame = pd.DataFrame(
        [
            (rule, 8 * 2**batch, rate, seed + (10_000 if role == "tune" else 0), role)
            for rule in names
            for batch in range(batches)
            for rate in range(1, 1 + (rates if tuned or rule == names[0] else 1))
            for role in (("tune", "report") if tuned else ("report",))
            for seed in range(seeds)
        ],
        columns=["rule", "batch_size", "lr", "seed", "role"],
    )
    # Seeds have something in common, as initial weights have, and batches take fewer steps the larger they are.
    common = {seed: rng.normal(0, 0.2) for seed in frame["seed"].unique()}
    steps = np.exp(rng.normal(6.0, 0.4, len(frame)) + frame["seed"].map(common)) * 8 / frame["batch_size"]
    steps = np.where(rng.random(len(frame)) < NEVER, np.inf, np.round(np.maximum(steps, 1)))
    setting = frame["rule"] + " " + frame["batch_size"].astype(str) + " " + frame["lr"].astype(str)
    facts = {"problem": "p", "steps": 1000, "val_loss": 1.0, "test_accuracy": 0.9, "diverged_step": np.inf}
    frame = frame.assign(**facts, setting=setting, steps_to_target=steps, trial=range(len(frame)))
    frame["epochs"] = frame["steps"] * frame["batch_size"] / 1000
    return frame.assign(status=np.where(np.isfinite(steps), "reached", "exhausted"))


def costs(trials: pd.DataFrame, rng: np.random.Generator) -> dict[tuple[str, str, int], np.ndarray]:
    """Seconds per step of rules that cost the same, each off by a share of its own, as code is between processes."""
    found = {}
    for rule, batch in trials.groupby(["rule", "batch_size"]).groups:
        shift = rng.normal(0, 0.01)
        found["p", rule, int(batch)] = 1e-5 * batch / 8 * np.exp(shift + rng.normal(0, 0.02, ROUNDS))
    return found


def claims(trials: pd.DataFrame, rng: np.random.Generator) -> bool:
    """Whether the page of these trials claims a difference that is none, in any of its units."""
    views = soonest(trials, ["time", "epochs", "steps"], costs(trials, rng))
    return any(_is_false(row, unit, view) for unit, view in views.items() for row in view.batches.itertuples())


def _is_false(row: Any, unit: str, view: Judged) -> bool:
    """Whether a claim is wrong. In steps a larger batch does take less; all else is equal."""
    if not row.p_holm <= LEVEL:
        return False
    rules = view.rules
    reference = rules.loc[rules["rule"] == rules["reference"].iloc[0], "batch_size"].iloc[0]
    truth = int(np.sign(reference - row.batch_size)) if unit == "steps" else 0
    return bool(row.sign != truth)


def rows(
    rules: list[int], batches: list[int], seeds: list[int], rates: list[int], tuned: bool, pages: int
) -> Iterator[tuple[tuple[int, int, int, int], int]]:
    """For each kind of page, how many of them make a claim."""
    for number, kind in enumerate((r, b, s, n) for r in rules for b in batches for s in seeds for n in rates):
        rng = np.random.Generator(np.random.PCG64([number, pages, tuned]))
        *size, grid = kind
        yield kind, sum(claims(page(*size, rng, rates=grid, tuned=tuned), rng) for _ in range(pages))


def too_many(found: int, pages: int) -> bool:
    """Whether more pages make a claim than a level of 5 % and chance explain."""
    return bool(stats.binom.sf(found - 1, pages, LEVEL) < CHANCE)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=400)
    for name, values in {"rules": [6, 15], "batches": [1, 3], "seeds": [5, 10, 20], "rates": [1]}.items():
        parser.add_argument(f"--{name}", type=int, nargs="+", default=values)
    parser.add_argument("--untuned", action="store_true")
    options = parser.parse_args()
    print(f"| rules | batch sizes | seeds | learning rates | pages | with a claim |\n{'| --- ' * 6}|")  # noqa: T201
    wrong, began = False, time.perf_counter()
    size = options.rules, options.batches, options.seeds, options.rates
    for kind, found in rows(*size, not options.untuned, options.pages):
        share = 100 * found / options.pages
        print(f"| {' | '.join(map(str, kind))} | {options.pages} | {found} ({share:.1f} %) |", flush=True)  # noqa: T201
        wrong |= too_many(found, options.pages)
    print(f"\n{time.perf_counter() - began:.0f} s", file=sys.stderr)  # noqa: T201
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
