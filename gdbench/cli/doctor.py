"""`gdbench doctor`: what this machine is, and what would make gdbench faster on it."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from gdbench.cli.options import JsonOption, OutOption, open_store
from gdbench.cli.output import print_facts, print_json, say
from gdbench.errors import UsageError
from gdbench.machine.gpus import QueryError, gpus, told
from gdbench.results.files import RESULTS


class Command(typer.core.TyperCommand):
    """Accepts `--store=URL` as well as `--store URL`: --store is a flag and URL an argument, as URL is optional."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line after splitting `--store=URL` in two."""
        return super().parse_args(ctx, [part for arg in args for part in _parts(arg)])


def _parts(argument: str) -> list[str]:
    return argument.split("=", 1) if argument.startswith("--store=") else [argument]


def doctor(
    store: Annotated[
        bool, typer.Option("--store", help="Check a store instead: the one at URL, or the one in --out.")
    ] = False,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="(--store) Database URL or file.")] = None,
    out: OutOption = RESULTS,
    as_json: JsonOption = False,
) -> int:
    """Show processor, BLAS, threads, GPU, versions and cache, and what would make gdbench faster here.

    With --store: compare everything in a store with its hashes. Exit code 3 if anything is damaged.
    """
    if store:
        return _check_store(url, out, as_json)
    if url is not None:
        raise UsageError(f"doctor {url} means nothing by itself; `doctor --store {url}` checks that store")
    from gdbench.kernels.compile.cache import cache_folder
    from gdbench.machine.environment import environment  # loads Numba, which checking a store does not need

    facts = environment()
    libraries = blas_libraries()
    facts["blas"] = [
        f"{lib['internal_api']} {lib['version']} ({lib.get('architecture', 'unknown')} kernels)" for lib in libraries
    ]
    facts |= gpu()
    facts["cache"] = str(cache_folder())
    advice = [*_advice(facts, libraries)]
    facts.pop("gpu_advice", None)
    if as_json:
        print_json({**facts, "advice": advice})
        return 0
    print_facts((name.replace("_", " "), _text(value)) for name, value in facts.items())
    say()
    for line in advice or ["nothing to improve"]:
        say(f"- {line}")
    return 0


def _check_store(store: str | None, out: Path, as_json: bool) -> int:
    """Report what is damaged in a store; returns the exit code."""
    from gdbench.store.checkup import check

    database = open_store(store, out)
    found = check(database)
    if as_json:
        print_json({"store": database.place, **found._asdict()})
    else:
        for sentence in (*found.damaged, *found.unverified):
            say(f"- {sentence}")
        faults = "1 fault" if len(found.damaged) == 1 else f"{len(found.damaged)} faults"
        say(
            f"{database.place}: {found.runs} runs, {found.trials} trials read; {faults}, "
            f"{len(found.unverified)} runs that could not be checked"
        )
    return 3 if found.damaged else 0


def blas_libraries() -> list[dict[str, object]]:
    """The BLAS libraries of NumPy and SciPy, as threadpoolctl reports them."""
    import numpy  # noqa: F401  (loads its BLAS)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    seen = {}
    for library in threadpool_info():
        if library["user_api"] == "blas":
            seen[library["filepath"]] = library
    return list(seen.values())


def gpu() -> dict[str, Any]:
    """Whether a GPU can be used, and the compiler for it; with a driver, also the GPUs and their clocks.

    gpu_advice: what to do about what is missing; None if nothing is missing, and no such key without a driver.
    """
    from gdbench.kernels.compile import cuda
    from gdbench.kernels.compile.driver import driver_found

    missing, compiler = cuda.missing(), cuda.missing_compiler()
    named = {"gpu_compiler": compiler or f"libNVVM {cuda.compiler_version()}"}
    if not driver_found():
        return {"gpu": f"none: {missing}", **named}
    facts: dict[str, Any] = {"gpu": f"not used: {missing}" if missing else cuda.gpu().name}
    try:
        facts["cards"] = gpus()
    except QueryError as error:
        facts["cards"] = f"not known: {error}"
    return {**facts, **named, "gpu_advice": missing}


def _text(value: Any) -> str:
    """A fact as text for people."""
    if isinstance(value, list):
        return ", ".join(told(item) if isinstance(item, dict) else str(item) for item in value)
    return "not installed" if value is None else str(value)


def _advice(facts: dict[str, object], libraries: list[dict[str, object]]) -> Iterator[str]:
    """What would make gdbench faster, one sentence each."""
    from gdbench.kernels.compile.cache import cache_problem
    from gdbench.machine.environment import slow_products

    features = facts["features"]
    assert isinstance(features, list)
    if "avx512f" in features and any(
        str(lib.get("architecture", "")).lower() in ("haswell", "zen") for lib in libraries
    ):
        yield (
            "OpenBLAS chose AVX2 kernels on a processor with AVX-512; gdbench's kernels do not use it, but NumPy, "
            "SciPy and scikit-learn multiply matrices up to twice as fast with OPENBLAS_CORETYPE=SkylakeX set"
        )
    slow = slow_products()
    if slow:
        yield slow
    problem = cache_problem()
    if problem:
        yield (
            f"compiled kernels cannot be kept ({problem}), so every start compiles again; set NUMBA_CACHE_DIR to a "
            "writable folder"
        )
    if str(facts["gpu"]).startswith("none"):
        yield "no GPU was found; everything runs on the CPU"
    elif facts.get("gpu_advice"):
        yield f"the GPU is not used: {facts['gpu_advice']}"
    if find_spec("pyarrow") is None:
        yield "pyarrow is not installed; `pip install pyarrow` lets `gdbench export` write Parquet"
