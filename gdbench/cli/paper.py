"""`gdbench figure` and `gdbench table`: a run's pictures and its ranking, for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from gdbench.cli.options import OutOption, RunArgument, SkipOption, StoreOption, open_run
from gdbench.cli.output import print_lines, say
from gdbench.errors import UsageError, shown
from gdbench.results.files import RESULTS, run_folder

PICTURES = (".svg", ".pdf", ".png", ".pgf")
FORMS = ("md", "csv", "latex")


def figure(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as standing, loss_curves, sensitivity, heat_map.")],
    to: Annotated[
        Path | None,
        typer.Option("-o", "--to", metavar="FILE", help="FILE.svg, .pdf, .png or .pgf; beside the page by default."),
    ] = None,
    problem: Annotated[
        str | None, typer.Option("--problem", metavar="NAME", help="Of several problems; the first by default.")
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns",
            metavar="N",
            min=1,
            max=2,
            help="As wide as N columns of a paper; else as on the page.",
        ),
    ] = None,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    skip: SkipOption = False,
) -> None:
    """Write a figure of a run's page as SVG, PDF, PNG or PGF, with its caption beside it as text."""
    from gdbench.reports.notebook import caption
    from gdbench.reports.paper import save
    from gdbench.reports.style import panels_in_a_row

    found = open_run(run, store, out, skip=skip)
    path = to or run_folder(out, found.id) / f"{name.replace('_', '-')}.svg"
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"-o {shown(str(path))} must end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}")
    with panels_in_a_row(columns or 3):
        save(found.figure(name, problem), path, columns)
    say(f"figure: {path}", f"caption: {caption(found.frames, name, problem)}")


def table(
    run: RunArgument = "latest",
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="md, csv (every digit) or latex.")] = "md",
    store: StoreOption = None,
    out: OutOption = RESULTS,
    skip: SkipOption = False,
) -> None:
    """Print a run's ranking as Markdown, CSV or LaTeX, with a caption that says what its numbers are."""
    from gdbench.reports.paper import ranking_as

    if form not in FORMS:
        raise UsageError(f"--format {shown(form)} is not one of {', '.join(FORMS)}")
    print_lines(ranking_as(open_run(run, store, out, skip=skip).frames, form))
