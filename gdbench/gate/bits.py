"""Which trials have the same bits on both sides, which do not, and which are only on one side."""

from collections.abc import Iterable, Mapping
from typing import Any

from gdbench.gate.measures import AT, FAILED, UNTOLD


class Bits:
    """How the digests of a group of trials compare. base, head: the digest of each trial, by pair."""

    def __init__(self, base: Mapping[str, str], head: Mapping[str, str]) -> None:
        self.common = {pair: (digest, head[pair]) for pair, digest in base.items() if pair in head}
        self.lost = [pair for pair in base if pair not in head]
        self.new = [pair for pair in head if pair not in base]
        # A failed trial measured nothing, whatever it does in base.
        self.failed = [pair for pair, digest in head.items() if digest == FAILED]
        self.mended = [pair for pair, digest in base.items() if digest == FAILED]
        self.total = len(head)
        self.differ = [pair for pair, (mine, theirs) in self.common.items() if mine != theirs]
        self.untold = [pair for pair, digests in self.common.items() if digests == (UNTOLD, UNTOLD)]
        self._differ = {*self.differ}
        first: dict[tuple[str, str], str] = {}
        untold = {*self.untold}
        self._first = {  # of each trial, the first one that it is a copy of
            pair: pair if pair in untold else first.setdefault(digests, pair) for pair, digests in self.common.items()
        }

    def differs(self, pairs: Iterable[str]) -> bool:
        """Whether the bits of any of these trials differ."""
        return any(pair.partition(AT)[0] in self._differ for pair in pairs)

    def is_untold(self, pairs: Iterable[str]) -> bool:
        """Whether any of these trials has no digest on either side."""
        return bool(self.untold) and not {*self.untold}.isdisjoint(pair.partition(AT)[0] for pair in pairs)

    def distinct(self, pairs: Iterable[str]) -> list[str]:
        """The pairs without copies: if no seed matters, all trials of a setting are the same."""
        seen: set[str] = set()
        found = []
        for pair in pairs:
            first = self._first.get(pair.partition(AT)[0], pair)
            if first not in seen:
                seen.add(first)
                found.append(pair)
        return found

    def finding(self, *, lenient: bool = False) -> dict[str, Any] | None:
        """The verdict on the digests; None if nothing is wrong, but some trials have no digests.

        lenient: ignore trials that base lacks.
        """
        facts = {"pairs": len(self.common)}
        if self.failed:
            detail = f"{len(self.failed)} of {self.total} trials failed"
            return {**facts, "verdict": "failed", "reason": "failed-trial", "detail": detail}
        if self.lost:
            detail = f"{len(self.lost)} of {len(self.lost) + len(self.common)} trials are missing in head"
            return {**facts, "verdict": "missing", "reason": "not-in-head", "detail": detail}
        differ = f"the bits of {len(self.differ)} of {len(self.common)} trials differ" if self.differ else ""
        if self.new and not lenient:
            detail = "; ".join(filter(None, [f"{len(self.new)} of {self.total} trials are new", differ]))
            return {**facts, "verdict": "inconclusive", "reason": "no-baseline", "detail": detail}
        if self.differ:
            return {**facts, "verdict": "changed", "reason": "bits-differ", "detail": differ}
        return None if self.untold else {**facts, "verdict": "unchanged", "reason": "equal"}
