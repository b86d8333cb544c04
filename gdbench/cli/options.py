"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.errors import UsageError
from gdbench.files import DATABASE, RESULTS

if TYPE_CHECKING:
    from gdbench.api import Run
    from gdbench.store import Store

StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="Database URL or file; by default gdbench.db in the folder of --out."),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for results.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="Python file that registers rules; may be repeated."),
]
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


def at_least_one(value: Any) -> Any:
    """Check a count."""
    if value is not None and value < 1:
        raise UsageError(f"{value} must be 1 or more")
    return value
