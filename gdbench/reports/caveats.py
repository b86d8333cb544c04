"""What limits the answer, and the command that mends it; all of a run's sentences.

for caveat in caveats(run):
    print(caveat.title, caveat.words, caveat.command, caveat.takes)
"""

import math
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gdbench.reports import text
from gdbench.reports.answers import advices
from gdbench.reports.judgement import Judgement, judgement, times
from gdbench.reports.results import Results, bracketed, target
from gdbench.stats import choose
from gdbench.stats.claims import detectable, fewest_pairs, pairs_to_halve

MOST = 3  # caveats
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


class Caveat(NamedTuple):
    """What limits the answer, and what would mend it: a command, and about how long it takes."""

    title: str
    words: str
    command: str = ""
    takes: str = ""

    @property
    def line(self) -> str:
        """All of it."""
        takes = f" ({self.takes})" if self.takes else ""
        return " ".join(filter(None, [self.title, self.words, f"`{self.command}`{takes}" if self.command else ""]))

    @property
    def typed(self) -> str:
        """The command with its time as a comment, so that the whole line can be copied."""
        return self.command + (f"  # {self.takes}" if self.takes else "")


def answers(results: Results) -> list[str]:
    """The page's sentences: a paragraph for each problem, then a line for each caveat."""
    alone = results.trials["problem"].nunique() < 2
    told = [advice.words if alone else f"{advice.problem}: {advice.words}" for advice in advices(results)]
    return [*told, *(caveat.line for caveat in caveats(results))]


def caveats(results: Results) -> list[Caveat]:
    """What limits the answer, the gravest first; at most three."""
    found = judgement(results)
    if not any(advice.instruction for advice in advices(results)):
        return []
    return [*_of_brackets(results), *_of_time(found, results), *_of_edges(found, results), *_of_seeds(found, results)][
        :MOST
    ]


def _of_brackets(results: Results) -> Iterator[Caveat]:
    """Says that a run was trained for another target than it is judged by (results/retarget.py)."""
    if not bracketed(results):
        return
    title = "This target was crossed between evaluated points."
    words = (
        "What is certain holds anywhere in these brackets; what fell back between points is not seen. "
        "Only settings that were chosen for the run's own target are compared."
    )
    command = _command(results)
    if not command:
        yield Caveat(title, words)
        return
    takes = text.about(results.environment.get("wall_seconds", math.nan))
    yield Caveat(title, f"{words} To train for it:", command, takes)


def _command(results: Results) -> str:
    """The command that repeats the run, for the target that it is judged by; empty if there is none."""
    command = str(results.environment.get("command", ""))
    if not command or "trained_for" not in results.about:
        return command
    ((metric, (level,)),) = results.about["target"].items()
    return f"{command} --set {shlex.quote(f'target={{{metric} = {level!r}}}')}"


def _of_time(found: Judgement, results: Results) -> Iterator[Caveat]:
    if target(results) is None or found.unit == "time":
        return
    title = f"Ranked by {'data seen' if found.unit == 'epochs' else 'steps'}, not by seconds."
    facts = results.environment
    if "side" in results.trials:  # several runs, which were not timed together
        yield Caveat(title, "The runs were not timed together.")
        return
    again = f"python -m gdbench time --run {results.about['run']}{_plugins(facts.get('command', ''))}"
    if not (results.trials["backend"] == "cpu").any():  # whose steps the CPU cannot time
        again = ""
    if "timing_error" in facts:
        yield Caveat(title, f"Steps could not be timed ({facts['timing_error']}).", again)
        return
    reasons = found.trust.reasons
    words = "No step was timed." if reasons == ["no step was timed"] else ""
    words = words or f"The seconds cannot be trusted: {reasons[0] if reasons else 'not all settings were timed'}."
    yield Caveat(title, words, again, text.about(facts.get("timing_seconds", math.nan)))


def _plugins(command: str) -> str:
    """The plug-ins of a command, as its options."""
    words = shlex.split(command)
    files = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--plugin"]
    return "".join(f" --plugin {shlex.quote(file)}" for file in files)


def _of_edges(found: Judgement, results: Results) -> Iterator[Caveat]:
    edges = choose(results.trials)
    edges = edges[edges["at_edge"] != ""]
    first = found.rules[found.rules["group"] == 1]
    for row in first.merge(edges[["problem", "rule", "batch_size", "at_edge"]], how="inner").itertuples():
        which = {"high": "largest", "low": "smallest"}[row.at_edge]
        where = f"{row.rule} at batch {row.batch_size}" if row.batched else row.rule
        words = f"{where} does best at {text.number(row.lr, 2)}, the {which} learning rate tried."
        command = _command(results)
        yield Caveat("The grid ends too early.", words, f"{command} --extend" if command else "")
        return


def _of_seeds(found: Judgement, results: Results) -> Iterator[Caveat]:
    """Which differences so many seeds can show, and how many would show half of it; by the gap that varies most.

    Where crossings are known to brackets alone, the brackets limit what can be shown.
    """
    if bracketed(results):
        return
    judged = found.judged
    gaps = [gap for gap in judged.gaps.values() if np.isfinite(gap).sum() > 1]
    if not gaps:
        return
    seeds, fewest = min(gap.size for gap in gaps), fewest_pairs(judged.comparisons)
    command, number = results.environment.get("command", ""), NUMBERS[seeds] if seeds < len(NUMBERS) else str(seeds)
    if seeds < fewest:
        title, words, needed = f"{number} seeds can tell no rules apart.", f"{fewest} can", fewest
    else:
        gap = max(gaps, key=_spread)
        now = detectable(gap, judged.comparisons)
        if math.isinf(now) or text.number(now, 2) == "1":
            return
        title, halved = f"{number} seeds see differences from {times(now)} on.", pairs_to_halve(gap, judged.comparisons)
        if math.isinf(halved):
            yield Caveat(title, "")
            return
        words, needed = f"{halved:.0f} see {times(math.sqrt(now))}", int(halved)
    if not command:
        yield Caveat(title, f"{words}.")
        return
    takes = text.about(results.environment.get("wall_seconds", math.nan) * needed / seeds)
    yield Caveat(title, f"{words}:", f"{_without_seeds(command)} --seeds {needed}", takes)


def _spread(gap: Any) -> float:
    return float(gap[np.isfinite(gap)].std())


def _without_seeds(command: str) -> str:
    words, kept = shlex.split(command), list[str]()
    while words:
        word, value = words.pop(0), words[0] if words else ""
        if word == "--seeds" or (word == "--set" and value.startswith("seeds=")):
            words.pop(0)
        else:
            kept.append(word)
    return shlex.join(kept)
