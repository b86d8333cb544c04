"""A trial: one training run, as data. What it gives is a function of its definition alone."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gdbench.results.files import without_places

TUNE_SEED = 10_000  # tuning seeds start here, reporting seeds at 0, so that no trial is both chosen by and reported


def _hash(definition: dict[str, Any]) -> str:
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Setting:
    """Everything of a trial but its seed, under the names its suite gives to the problem and the rule."""

    problem: str
    rule: str
    definition: dict[str, Any]

    @cached_property
    def hash(self) -> str:
        """Names the setting."""
        return _hash(self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """The definition without what only says where data lie: the hash of their contents counts."""
        return {**self.definition, "problem": without_places(self.definition["problem"])}


@dataclass(frozen=True)
class Trial:
    """One training run: a setting and a seed, in the role (tune, report, default) for which it is run."""

    index: int
    setting: Setting
    seed: int
    role: str
    target: tuple[str, float] | None  # what steps_to_target counts to; no part of the definition

    @cached_property
    def key(self) -> str:
        """Hash of the definition alone: equal keys mean the same trial, in whatever run."""
        return _hash({**self.setting.identity, "seed": self.seed})

    @property
    def definition(self) -> dict[str, Any]:
        """The setting's definition and the seed."""
        return {**self.setting.definition, "seed": self.seed}
