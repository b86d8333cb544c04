"""A run for a paper: pictures in files, and the ranking as Markdown, CSV or LaTeX.

save(run.figure("standing"), Path("standing.pdf"), columns=1)
print(ranking_as(run, "latex"))
"""

import csv
import io
import re
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from gdbench.errors import GdbenchError
from gdbench.inputs.writing import replacing
from gdbench.reports.answers import advices, facts
from gdbench.reports.judgement import judgement, ranking
from gdbench.reports.ranking_table import explained, readable
from gdbench.reports.results import Results
from gdbench.reports.style import saved, style

WIDTHS = {1: 3.35, 2: 7.0}  # inches of one and of two columns of a paper
DOTS = 300  # per inch of a PNG
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$",
            "∞": r"$\infty$", "–": "--", "µ": r"$\mu$"}  # fmt: skip


def save(figure: Drawing, path: Path, columns: int | None = None) -> None:
    """Write a figure in the format that the path's ending names, on a transparent ground, in ink that is black.

    columns: make it as wide as so many columns of a paper, and as high as keeps its shape. Raises GdbenchError if it
    cannot be written.
    """
    if columns is not None:
        width, height = figure.get_size_inches()
        figure.set_size_inches(WIDTHS[columns], height * max(WIDTHS[columns] / width, 0.6))
    form = path.suffix.lower().removeprefix(".")
    with style(), replacing(path) as temporary:
        try:
            saved(figure, temporary, form, dpi=DOTS)
        except (RuntimeError, FileNotFoundError) as error:  # PGF measures its text with LaTeX
            raise GdbenchError(f"{path} cannot be written as {form.upper()}: {error}".splitlines()[0]) from None


def ranking_as(results: Results, form: str) -> str:
    """The ranking as a document: md, csv (every digit) or latex; the first and the last have a caption."""
    if form == "csv":
        text = io.StringIO()
        frame = ranking(results)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(
            [repr(float(v)) if isinstance(v, float) else v for v in row] for row in frame.itertuples(index=False)
        )
        return text.getvalue()
    found = judgement(results)
    rows = readable(found, results)
    if not rows:
        return ""
    return _latex(rows, _caption(results)) if form == "latex" else _markdown(rows, _caption(results))


def _caption(results: Results) -> str:
    title = results.about["title"]
    whole = title if title.endswith((".", "?", "!")) else f"{title}."
    words = [whole, *facts(results).values(), explained(judgement(results), results)]
    return " ".join([*words, *(advice.words for advice in advices(results)[:1])])


def _markdown(rows: list[dict[str, str]], caption: str) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    body = [line([*row.values()]) for row in rows]
    return "\n".join([line([*rows[0]]), line(["---"] * len(rows[0])), *body, "", caption])


def _latex(rows: list[dict[str, str]], caption: str) -> str:
    def line(cells: list[str]) -> str:
        return "    " + " & ".join(map(_escaped, cells)) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_escaped(caption)}}}",
            rf"  \begin{{tabular}}{{{'l' * len(rows[0])}}}",
            r"    \hline",
            line([*rows[0]]),
            r"    \hline",
            *(line([*row.values()]) for row in rows),
            r"    \hline",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def _escaped(text: str) -> str:
    """Text as LaTeX shows it."""
    return re.sub(r"[\\~^×∞–µ&%$#_{}]", lambda found: _SPECIAL.get(found[0], f"\\{found[0]}"), text)
