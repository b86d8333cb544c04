"""The labels of rules where several runs stand side by side: `adam (run 2)`."""

import re

_OF_RUN = re.compile(r"(.*) \(run (\d+)\)", re.DOTALL)


def of_run(rule: str, number: int) -> str:
    """The label of a rule of the run with that number, from 1."""
    return f"{rule} (run {number})"


def parts(label: str) -> tuple[str, int]:
    """The rule and the number of its run; 1 if the label names no run.

    >>> parts("adam (run 2)"), parts("adam")
    (('adam', 2), ('adam', 1))
    """
    found = _OF_RUN.fullmatch(label)
    return (found[1], int(found[2])) if found else (label, 1)
