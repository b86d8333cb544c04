"""A trial: one training run, as data. Its results depend on its definition alone."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gdbench.results.files import without_places

TUNE_SEED = 10_000  # tuning seeds start here and reporting seeds at 0, so no reported trial took part in a choice


def _hash(definition: dict[str, Any]) -> str:
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Setting:
    """A trial without its seed, with the names that its suite gives to the problem and the rule."""

    problem: str
    rule: str
    definition: dict[str, Any]

    @cached_property
    def hash(self) -> str:
        """The hash that names the setting."""
        return _hash(self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """The definition without the places of data files; the hash of their contents stays in it."""
        return {**self.definition, "problem": without_places(self.definition["problem"])}


@dataclass(frozen=True)
class Trial:
    """One training run: a setting, a seed, and the role (tune, report, default) for which it runs."""

    index: int
    setting: Setting
    seed: int
    role: str
    target: (
        tuple[str, tuple[float, ...]] | None
    )  # a metric and its levels, the easiest first; not part of the definition

    @cached_property
    def key(self) -> str:
        """Hash of the definition alone: equal keys mean the same trial, in any run."""
        return _hash({**self.setting.identity, "seed": self.seed})

    @property
    def definition(self) -> dict[str, Any]:
        """The setting's definition and the seed."""
        return {**self.setting.definition, "seed": self.seed}
