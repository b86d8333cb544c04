"""Options that several commands share, and how to parse them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.output import note
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.limits import CHUNK, DIGITS, JOBS, STEPS
from gdbench.results.files import DATABASE, RESULTS

if TYPE_CHECKING:
    from gdbench.api.runs import Run
    from gdbench.results.curves import Points
    from gdbench.store import RunRecord, Store

DTYPES = ("float32", "float64")
VERY_MANY = 20_000  # trials; reading so many takes longer than starting another process


def count(name: str, text: str, most: int = STEPS, **options: Any) -> Any:
    """An option that is a whole number from 1 to `most`."""
    return typer.Option(name, metavar="N", help=text, min=1, max=most, **options)


def repeated(name: str, metavar: str, text: str, **limits: Any) -> Any:
    """An option that may be given several times."""
    return typer.Option(name, metavar=metavar, help=f"{text}; may be repeated.", **limits)


def rules_by_default(names: str) -> Any:
    """The argument that names rules. names: the rules without it, as the help shows them."""
    return typer.Argument(metavar="[RULE]...", help="Rules, at their defaults.", show_default=names)


def _without_plugins(asked: bool) -> None:
    """Switch off installed plug-ins, for this process and all that it starts."""
    if asked:
        from gdbench.plugins import SWITCH

        os.environ[SWITCH] = "0"


def _folder(given: Path) -> Path:
    """A folder as the user wrote it, with `~` expanded."""
    from gdbench.inputs.paths import user_path

    return user_path(given)


StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Database URL or file; by default gdbench.db in the folder of --out."),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for results.", callback=_folder)]
PredictOption = Annotated[
    str | None,
    typer.Option("--predict", metavar="COLUMN", help="The column to predict, for a file of data in place of a suite."),
]
EncodeOption = Annotated[
    bool, typer.Option("--encode", help="With --predict: make a column of 0 and 1 of each text in columns of texts.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PluginOption = Annotated[
    list[Path] | None, repeated("--plugin", "FILE.py", "Python file that registers rules or functions")
]
NoPluginsOption = Annotated[
    bool,
    typer.Option(
        "--no-plugins",
        help="Load no plug-ins of installed packages (GDBENCH_PLUGINS=0).",
        callback=_without_plugins,
        is_eager=True,
    ),
]
SetOption = Annotated[list[str] | None, repeated("--set", "KEY=VALUE", "Override a key of the suite (budget.epochs=5)")]
JobsOption = Annotated[int | None, count("--jobs", "Threads; all cores by default.", JOBS)]
SeedsOption = Annotated[
    int | None, count("--seeds", "Reporting seeds, and as many tuning seeds unless the suite sets them.")
]
ChunkOption = Annotated[int | None, count("--chunk", "Steps per call, 1000 by default; changes no result.", CHUNK)]
BackendOption = Annotated[
    str, typer.Option("--backend", metavar="NAME", help="cpu, cuda (a GPU), or auto: the GPU if one can be used.")
]
NetOption = Annotated[list[str] | None, repeated("--net", "WIDTHS", "A network on random data, such as 784-128-10")]
ProblemOption = Annotated[
    list[str] | None, repeated("--problem", "NAME", "A data set, its path, FILE.toml, or FILE.toml:NAME of a suite")
]
BatchOption = Annotated[
    list[str] | None, repeated("--batch", "N", "Samples in a batch, 32 by default, or full where there is data")
]
DtypeOption = Annotated[list[str] | None, repeated("--dtype", "NAME", "float32, which is the default, or float64")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
SkipOption = Annotated[
    bool, typer.Option("--skip-damaged", help="Leave out what does not match its hash, and say what.")
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Id, its unique beginning, latest, latest~1, or an exported file.")
]


def parse_dtypes(names: list[str] | None) -> list[str]:
    """The dtypes of --dtype, each once; raises UsageError for an unknown one."""
    for name in names or ():
        if name not in DTYPES:
            raise UsageError(f"--dtype {shown(name)} is not known{nearest(name, DTYPES)}")
    return list(dict.fromkeys(names or DTYPES[:1]))


def parse_batches(texts: list[str] | None) -> list[int | str]:
    """The batch sizes of --batch; raises UsageError for anything else."""
    return [text if text == "full" else _whole("--batch", text, STEPS, "full") for text in texts or ()]


def _whole(option: str, text: str, most: int, other: str) -> int:
    """A whole number from 1 to `most`; raises UsageError otherwise. other: the word that the option takes too."""
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    if not digits or len(digits) > DIGITS or int(digits) > most:
        raise UsageError(f"{option} {shown(text)} must be a whole number from 1 to {most:,}, or {other}")
    return int(digits)


def parse_cores(texts: list[str], usable: int) -> list[int]:
    """The numbers of cores of --cores, each once, `usable` for all; raises UsageError for anything else."""
    return list(dict.fromkeys(usable if text == "all" else _whole("--cores", text, usable, "all") for text in texts))


def store_location(store: str | None, out: Path) -> str | Path:
    """The path or URL of the database."""
    return out / DATABASE if store is None else store


def open_run(
    name: str, store: str | None, out: Path = RESULTS, *, skip: bool = False, points: "Points" = "all"
) -> "Run":
    """The run that RUN names, stored or exported, read and checked; a note says what was left out.

    skip: leave out what is damaged instead of raising DamagedError. points: which points of the curves to read.
    """
    run = find_run(name, store, out, skip=skip)
    run.points = points
    for notice in run.notices:
        note(notice)
    return run


def find_run(name: str, store: str | None, out: Path = RESULTS, *, skip: bool = False) -> "Run":
    """The run that RUN names. A stored run is not read yet."""
    from gdbench.api.runs import Run, is_export, load  # slow to import, and `list` and `--help` do not need it

    if name and is_export(Path(name)):
        return Run.from_file(name)
    return load(store_location(store, out), name, damaged="skip" if skip else "stop")


def readers(records: "Sequence[RunRecord]") -> int:
    """How many processes should read these runs: more than one only if each has very many trials."""
    from gdbench.machine.environment import usable_cores

    fewest = min((record.stored or 0 for record in records), default=0)
    return min(len(records), usable_cores()) if fewest >= VERY_MANY else 1


def open_store(store: str | None, out: Path = RESULTS) -> "Store":
    """The database."""
    from gdbench.store import Store

    return Store(store_location(store, out))


def load_plugins(files: list[Path] | None) -> None:
    """Load the installed plug-ins and those in the files."""
    from gdbench import plugins

    plugins.load_installed()
    for file in files or []:
        plugins.load_file(file)
