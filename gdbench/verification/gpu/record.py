"""Write the results of `gdbench gpu-check`, as Markdown and as JSON, with machine, GPU, driver, commit and date."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gdbench.inputs.writing import write_text
from gdbench.kernels.compile import cuda
from gdbench.machine import git
from gdbench.machine.environment import environment, package_version
from gdbench.timing.gpu.clocks import driver
from gdbench.verification.gpu.contract import Outcome, Report

NAME = "gpu-check"
PACKAGES = ("cuda-core", "cuda-bindings", "nvidia-cublas", "torch", "jax", "jaxlib", "optax")


def machine_facts() -> dict[str, Any]:
    """Facts about what the results depend on: the GPU, the machine, the driver, the code and the packages."""
    gpu = cuda.gpu()
    commit, dirty = git.state(Path(__file__).parent)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "card": gpu.name,
        "compute capability": ".".join(map(str, gpu.capability)),
        "multiprocessors": gpu.multiprocessors,
        "memory_gib": round(gpu.memory / 2**30, 1),
        "l2_mib": round(gpu.cache / 2**20, 1),
        "driver": driver(),
        "commit": commit and f"{commit[:12]}{' with changes' if dirty else ''}",
        **environment(),
        **{name: package_version(name) for name in PACKAGES},
    }


def write(found: Report, out: Path) -> None:
    """Write gpu-check.json and gpu-check.md into a folder, which is made. A file is replaced as a whole or not at all.

    Raises GdbenchError if they cannot be written.
    """
    texts = {"json": json.dumps(document(found), indent=1, allow_nan=False) + "\n", "md": page(found)}
    for ending, text in texts.items():
        write_text(out / f"{NAME}.{ending}", text)


def document(found: Report) -> Any:
    """The results as a document for JSON."""
    return _plain({"ok": found.ok, "facts": found.facts, "parts": [asdict(part) for part in found.parts]})


def page(found: Report) -> str:
    """The results in Markdown, with a table per part."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Report) -> Iterator[str]:
    facts = found.facts
    yield f"# {facts.get('card', 'A GPU')}, {facts.get('date', '')}"
    yield ""
    yield from table([{"what": name, "value": value} for name, value in facts.items() if value is not None])
    for part in found.parts:
        yield ""
        yield f"## {part.title}"
        yield ""
        yield from _part(part)


def _part(part: Outcome) -> Iterator[str]:
    if part.rows:
        yield from table(part.rows)
        yield ""
    yield f"{part.state}, {part.seconds:.0f} s."
    for note in part.notes:
        yield f"{note}"


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yields the lines of a Markdown table of rows, with a column for every key of any row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell(row.get(name)) for name in names)} |"


def cell(value: Any) -> str:
    """A value as text for a table: floats with four digits, nothing for None.

    >>> cell(1234.5678), cell(0.000123456), cell(None), cell("a|b")
    ('1235', '0.0001235', '', 'a\\\\|b')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return str(value).replace("|", "\\|").replace("\n", " ")


def _plain(value: Any) -> Any:
    """A value for JSON, which has no numbers that are not finite; they become texts."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.item() if hasattr(value, "item") else str(value)
