"""Make the sample page and the README's pictures anew: `python docs/sample/make.py`, in a minute or two.

The page is that of the suite `quick`, two of the pictures are its figures and one is a lesson.
"""

import tempfile
from pathlib import Path

from matplotlib import rc_context

import gdbench
from gdbench.lessons import lessons
from gdbench.reports.figures import profile, sensitivity
from gdbench.reports.results import only_problem

HERE = Path(__file__).parent
LESSON = "momentum"


def main() -> None:
    """Write `report.html` and the pictures beside this file."""
    with tempfile.TemporaryDirectory() as scratch:
        run = gdbench.run("quick", store=Path(scratch) / "runs.db")
        run.report(HERE / "report.html")
        pictures = {
            "sensitivity": sensitivity.figure(only_problem(run.frames, "digits")),
            "profile": profile.figure(run.frames),
            LESSON: next(lesson for lesson in lessons() if lesson.name == LESSON).figure(),
        }
    for name, figure in pictures.items():
        with rc_context({"svg.hashsalt": name}):  # the same picture is the same file
            figure.savefig(HERE / f"{name}.svg", metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
