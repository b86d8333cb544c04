"""gdbench beside other libraries, as text, from the frames of `gdbench.peers.comparison.PeerResults`.

ours: the peer that the others are compared with.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from gdbench.reports import text

CASE = ["problem", "batch_size", "dtype", "rule"]


def agreement_rows(frame: pd.DataFrame, ours: str) -> list[dict[str, str]]:
    """A row for each network and rule, with each peer's largest relative difference of the losses."""
    rows = []
    for case, group in frame[frame["peer"] != ours].groupby(CASE, sort=False):
        found = zip(group["peer"], group["difference"], strict=True)
        rows.append({**_case(case), **{peer: text.number(value, 2) for peer, value in found}})
    return rows


def settings(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups of peers that were timed together, each with its title."""
    for (cores, trials), group in frame.groupby(["cores", "trials"], sort=False):
        work = "One trial" if trials == 1 else f"{trials} trials"
        yield f"{work} on {cores} {'core' if cores == 1 else 'cores'}: trial-steps a second", group


def speed_rows(frame: pd.DataFrame, ours: str) -> list[dict[str, str]]:
    """A row for each network and rule: each peer's speed, then ours as a multiple of it, with its interval.

    The last column is our speed over that of the fastest peer.
    """
    rows = []
    for case, group in frame.groupby(CASE, sort=False):
        cells = {row["peer"]: _speed(row, ours) for _, row in group.iterrows()}
        peers = group[(group["peer"] != ours) & group["speed"].notna()]
        best = "–" if peers.empty else text.number(peers.loc[peers["speed"].idxmax(), "ratio"])
        rows.append({**_case(case), **cells, "over the fastest": best})
    return rows


def reasons(frame: pd.DataFrame) -> Iterator[str]:
    """A sentence for each peer and reason why it has no number, with the cases unless it has none at all."""
    for (peer, reason), group in frame[frame["reason"] != ""].groupby(["peer", "reason"], sort=False):
        if len(group) == (frame["peer"] == peer).sum():
            yield f"{peer}: {reason}"
        else:
            cases = dict.fromkeys(f"{row.problem} batch {row.batch_size} {row.rule}" for row in group.itertuples())
            yield f"{peer}: {reason} ({'; '.join(cases)})"


def prepared(frame: pd.DataFrame) -> str:
    """The longest time that each peer took for compiling and its first call."""
    longest = frame.groupby("peer", sort=False)["prepare_seconds"].max().dropna()
    return ", ".join(f"{peer} {text.seconds(seconds)}" for peer, seconds in longest.items())


def _case(case: tuple[object, ...]) -> dict[str, str]:
    return dict(zip(("problem", "batch", "dtype", "rule"), map(str, case), strict=True))


def _speed(row: pd.Series, ours: str) -> str:
    if np.isnan(row["speed"]):
        return "–"
    speed = text.steps(row["speed"])
    if row["peer"] == ours:
        return speed
    bounds = (
        "" if np.isnan(row["ratio_low"]) else f" [{text.number(row['ratio_low'])}, {text.number(row['ratio_high'])}]"
    )
    return f"{speed} ×{text.number(row['ratio'])}{bounds}"
