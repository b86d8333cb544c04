"""Which trials of two sides have the same bits, which do not, and which only one side has."""

from typing import Any

import pandas as pd

from gdbench.gate.measures import AT, FAILED


class Bits:
    """How the digests of a group of trials compare, by pair."""

    def __init__(self, base: pd.DataFrame, head: pd.DataFrame) -> None:
        mine, theirs = (side.set_index("pair")["text"] for side in (base, head))
        self.common = mine.index.intersection(theirs.index)
        self.lost, self.new = mine.index.difference(theirs.index), theirs.index.difference(mine.index)
        # A trial that failed measured nothing, whatever it does in base.
        self.failed, self.mended = theirs.index[theirs == FAILED], mine.index[mine == FAILED]
        self.total = len(theirs)
        mine, theirs = mine[self.common], theirs[self.common]
        self.differ = self.common[(mine != theirs).to_numpy()]
        self.curves = mine + " " + theirs

    def distinct(self, pairs: pd.Index) -> pd.Index:
        """Those of the pairs that are no copies: where no seed matters, all trials of a setting are one."""
        curves = self.curves.reindex(pairs.str.split(AT).str[0])
        return pairs[(curves.isna() | ~curves.duplicated()).to_numpy()]

    @property
    def finding(self) -> dict[str, Any]:
        """The verdict on the digests."""
        facts = {"pairs": len(self.common)}
        if len(self.failed):
            detail = f"{len(self.failed)} of {self.total} trials failed"
            return {**facts, "verdict": "failed", "reason": "failed-trial", "detail": detail}
        if len(self.lost):
            detail = f"{len(self.lost)} of {len(self.lost) + len(self.common)} trials are not in head"
            return {**facts, "verdict": "missing", "reason": "not-in-head", "detail": detail}
        if len(self.differ):
            detail = f"the bits of {len(self.differ)} of {len(self.common)} trials differ"
            return {**facts, "verdict": "changed", "reason": "bits-differ", "detail": detail}
        return {**facts, "verdict": "unchanged", "reason": "equal"}
