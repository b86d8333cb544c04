"""Options that several commands share, and what they mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.errors import UsageError
from gdbench.files import DATABASE, RESULTS

if TYPE_CHECKING:
    from gdbench.api import Run
    from gdbench.store import Store


def _at_least_one(value: Any) -> Any:
    if value is not None and value < 1:
        raise UsageError(f"{value} must be 1 or more")
    return value


def _count(name: str, text: str) -> Any:
    return typer.Option(name, metavar="N", help=text, callback=_at_least_one)


def _repeated(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=f"{text}; may be repeated.")


StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Database URL or file; by default gdbench.db in the folder of --out."),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for results.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PluginOption = Annotated[list[Path] | None, _repeated("--plugin", "FILE.py", "Python file that registers rules")]
SetOption = Annotated[
    list[str] | None, _repeated("--set", "KEY=VALUE", "Override a key of the suite (budget.epochs=5)")
]
JobsOption = Annotated[int | None, _count("--jobs", "Threads; all cores by default.")]
SeedsOption = Annotated[int | None, _count("--seeds", "Reporting seeds instead of the suite's own.")]
ChunkOption = Annotated[int | None, _count("--chunk", "Steps a call, 1000 by default; changes no result.")]
BackendOption = Annotated[str, typer.Option("--backend", metavar="NAME", help="auto, cpu or cuda.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Id, its unique beginning, latest, latest~1, or an exported file.")
]


def store_location(store: str | None, out: Path) -> str | Path:
    """Where the database is."""
    return out / DATABASE if store is None else store


def open_run(name: str, store: str | None, out: Path = RESULTS) -> "Run":
    """The run that RUN names, stored or exported."""
    from gdbench.api import Run, load  # heavy: `list` and `--help` do without

    path = Path(name)
    if path.suffix == ".json" or path.is_dir():
        return Run.from_file(path)
    return load(store_location(store, out), name)


def open_store(store: str | None, out: Path = RESULTS) -> "Store":
    """The database."""
    from gdbench.store import Store

    return Store(store_location(store, out))


def load_plugins(files: list[Path] | None) -> None:
    """Load installed plug-ins and those files."""
    from gdbench import plugins

    plugins.load_installed()
    for file in files or []:
        plugins.load_file(file)
