"""What a reader should be told of a problem's data before numbers rest on it, a sentence each."""

from collections.abc import Iterator, Mapping
from typing import Any

from gdbench.data.loading import load


def notices(definition: Mapping[str, Any]) -> Iterator[str]:
    """What was read from the files of a problem's data. definition: complete (suites/definitions.py)."""
    if definition["kind"] != "mlp":
        return
    dataset = load(definition["dataset"])
    if "name" not in definition["dataset"]:
        yield dataset.summary
