"""The costs of steps and kernels beside the machine's limits, as text for a terminal or a page.

Each function takes the frame of `gdbench.stats.timings.roofline`.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.stats.timings import POSSIBLE, REFERENCES

PARTS = ("gather", "forward", "loss", "backward", "update")
MISTIMED = "mistimed"  # in place of a cost that no machine can have
CASE = ["problem", "batch_size", "dtype", "jobs"]


def step_rows(frame: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each whole step, with its parts if they were timed (floor: `gdbench.stats.timings.roofline`).

    products: the speed of all the step's products, one after another, as a share of the peak.
    """
    rows = []
    for _, step in frame[frame["part"] == "step"].iterrows():
        same = frame[(frame[CASE] == step[CASE]).all(axis=1)]
        parts = same[same["rule"].isna() | (same["rule"] == step["rule"])].set_index("part")["median"]
        cells = {**_case(step, frame), "rule": step["rule"], "step": cost(step)}
        if frame["part"].isin(PARTS).any():
            cells |= {part: text.seconds(parts.get(part, np.nan)) for part in PARTS}
        if frame.loc[frame["part"] == "step", "floor"].notna().any():
            cells |= {"floor": text.seconds(step["floor"]), "step / floor": ratio(step)}
        if frame["part"].str.endswith("product").any():
            products = same[same["part"].str.endswith("product")]
            cells["products"] = share(products["median"].sum() / products["floor"].sum(skipna=False))
        rows.append({**cells, **_speedup(step, frame)})
    return rows


def kernel_rows(frame: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each product of each layer, in useful FLOPs, and for each update, in the bytes that it must move."""
    rows = []
    for _, kernel in frame[frame["part"].str.endswith("product") | (frame["part"] == "update")].iterrows():
        name = f"{kernel['part']}, {kernel['rule']}" if pd.isna(kernel["layer"]) else _layer(kernel)
        cells = {
            "kernel": name,
            "cost": cost(kernel),
            "speed": speed(kernel),
            "roof": "FMA peak" if pd.notna(kernel["flops"]) else f"triad {kernel['memory']}",
            "of the roof": share(kernel["ratio"]),
        }
        rows.append({**_case(kernel, frame), **cells})
    return rows


def machine_rows(frame: pd.DataFrame, spreads: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each reference: its speed, and by how much its slowest round exceeded the median."""
    known = spreads.set_index("subject")["spread"]
    return [
        {
            "reference": f"FMA peak {row['dtype']}" if row["part"] == "peak" else f"triad {row['memory']}",
            **_jobs(row, frame),
            "speed": speed(row),
            "slowest round": f"+{text.percent(known[row['subject']], 0)}",
            **_speedup(row, frame),
        }
        for _, row in frame[frame["part"].isin(REFERENCES)].iterrows()
    ]


def speed(row: pd.Series) -> str:
    """The speed of all jobs together."""
    amount, unit = (row["flops"], "GFLOP/s") if pd.notna(row["flops"]) else (row["bytes"], "GB/s")
    return f"{text.number(amount * row['jobs'] / row['median'] / 1e9)} {unit}"


def ratio(row: pd.Series) -> str:
    """The cost over the floor, with its interval."""
    if pd.isna(row["ratio"]):
        return text.NONE
    if row["ratio"] < POSSIBLE:
        return MISTIMED
    interval = (
        "" if pd.isna(row["ratio_low"]) else f" [{text.fixed(row['ratio_low'], 2)}, {text.fixed(row['ratio_high'], 2)}]"
    )
    return f"{text.fixed(row['ratio'], 2)}{interval}"


def share(ratio: float) -> str:
    """How much of the roof a cost over its floor is; nothing can be above it."""
    if pd.isna(ratio):
        return text.NONE
    return MISTIMED if ratio < POSSIBLE else text.percent(min(1.0 / ratio, 1.0), 0)


def _layer(kernel: pd.Series) -> str:
    return f"{kernel['part']}, layer {kernel['layer']:.0f}"


def _case(row: pd.Series, frame: pd.DataFrame) -> dict[str, str]:
    """The problem, batch size and dtype of a row."""
    cells = {"problem": row["problem"], "batch": text.whole(row["batch_size"]), "dtype": row["dtype"]}
    return {**cells, **_jobs(row, frame)}


def _jobs(row: pd.Series, frame: pd.DataFrame) -> dict[str, str]:
    return {"jobs": str(row["jobs"])} if (frame["jobs"] > 1).any() else {}


def _speedup(row: pd.Series, frame: pd.DataFrame) -> dict[str, str]:
    """The speed as a multiple of that of one job, if one job was timed too."""
    if frame["jobs"].nunique() < 2:
        return {}
    alone = frame[(frame["jobs"] == 1) & (frame["subject"] == row["subject"].removesuffix(f", {row['jobs']} jobs"))]
    if alone.empty:
        return {"speed-up": "–"}
    return {"speed-up": text.fixed(row["jobs"] * alone["median"].iloc[0] / row["median"], 2)}


def cost(row: pd.Series) -> str:
    """Seconds a step, with their interval."""
    if pd.isna(row["low"]):
        return text.seconds(row["median"])
    return f"{text.seconds(row['median'])} [{text.seconds(row['low'])}, {text.seconds(row['high'])}]"


def moved(spreads: pd.DataFrame, bound: float) -> Iterator[str]:
    """A sentence about the reference with the slowest round, if that exceeds the median one by more than `bound`."""
    worst = spreads.sort_values("spread").tail(1)
    for _, row in worst[worst["spread"] > bound].iterrows():
        yield (
            f"The machine moved: in its slowest round, {row['subject']} took {text.percent(row['spread'], 0)} longer "
            f"than in the median one (more than {text.percent(bound, 0)}). Trust ratios, taken within rounds, "
            "more than seconds."
        )
