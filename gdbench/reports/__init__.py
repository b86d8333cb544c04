"""Shows results as tables, figures and pages, from frames alone."""

import os
from contextlib import suppress

# A notebook's MPLBACKEND, which its commands inherit, may name a backend that is not installed here. Then matplotlib
# cannot even be imported. Pictures that are written to files need no backend; pyplot still gets the one asked for.
_wished = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
finally:
    if _wished is not None:
        os.environ["MPLBACKEND"] = _wished
if _wished:
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _wished
