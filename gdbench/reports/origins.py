"""The origin of results: what was run, where, when and at which commit, and how to repeat it.

sentence(run), command(run), list(facts(run)), list(machine(run.environment)), overview([run, other])
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gdbench.reports import text
from gdbench.reports.results import Results

ELSEWHERE = (
    "problems",
    "looks",
    "evaluated_over",
    "references",
    "references_before",
)  # facts of a run that are not about its machine
TOLD = ("run", "suite", "when", "commit", "code", "backend", "trials")  # of each run that stands beside others


def sentence(results: Results) -> str:
    """The origin in a sentence."""
    about, environment = results.about, results.environment
    gpu = f"{environment['gpu']}, " if about["backend"] != "cpu" and environment.get("gpu") else ""
    machine = f" on {gpu}{environment['cpu']} ({environment['cores']} cores)" if "cpu" in environment else ""
    wall = f" in {text.seconds(environment['wall_seconds'])}" if "wall_seconds" in environment else ""
    commit = f", commit {_commit(results)}" if about["git_commit"] else ""
    return (
        f"Suite {about['suite']}, run {about['run']}: {len(results.trials):,} trials{wall}{machine}, "
        f"{_when(about['created'])}{commit}."
    )


def command(results: Results) -> str:
    """A command that runs the same trials again: the original one, or one that takes the suite from the store."""
    again = f"import gdbench; gdbench.run(gdbench.load(run='{results.about['run']}').about['table'])"
    return str(results.environment.get("command") or f'python -c "{again}"')


def facts(results: Results) -> Iterator[tuple[str, str]]:
    """What was run, one fact a row."""
    about, trials = results.about, results.trials
    yield "run", f"{about['run']} ({about['state']})"
    yield "suite", str(about["suite"])
    yield "when", _when(about["created"])
    yield "backend", str(about["backend"])
    roles = trials["role"].value_counts()
    yield "trials", f"{len(trials):,}: " + ", ".join(f"{count:,} {role}" for role, count in roles.items())
    ends = trials["status"].value_counts()
    yield "how they ended", ", ".join(f"{count:,} {status}" for status, count in ends.items())
    yield "steps", f"{int(trials['steps'].sum()):,}"
    yield "training, all cores", text.seconds(float(trials["seconds"].sum()))
    if about["target"]:
        yield "crossing (looking at the target), all cores", text.seconds(float(trials["crossing_seconds"].sum()))
    for line in results.environment.get("looks") or ():
        yield "looks at the target", str(line)
    for line in results.environment.get("evaluated_over") or ():
        yield "training curves are over", str(line)
    yield "code", str(about["code"])[:12]
    if about["git_commit"]:
        yield "commit", _commit(results)


def machine(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where it was run, one fact a row."""
    for name, value in environment.items():
        if value is not None and name not in ELSEWHERE:
            yield str(name).replace("_", " "), _written(value)


def overview(runs: Sequence[Results]) -> list[dict[str, str]]:
    """A row for each run: its number, what was run, and the facts in which the machines differ."""
    names = list(dict.fromkeys(name for run in runs for name in run.environment))
    differ = [name for name in names if len({str(run.environment.get(name)) for run in runs}) > 1]
    return [
        {
            "#": str(number),
            **dict.fromkeys(TOLD, text.NONE),
            **{name: value for name, value in facts(run) if name in TOLD},
            **{name.replace("_", " "): _written(run.environment.get(name, text.NONE)) for name in differ},
        }
        for number, run in enumerate(runs, 1)
    ]


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return text.number(value) if isinstance(value, float) else str(value)


def _commit(results: Results) -> str:
    changed = " with uncommitted changes" if results.about["git_dirty"] else ""
    return f"{results.about['git_commit'][:12]}{changed}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
