"""How results are shown: tables, figures and the page, from frames alone."""

import os
from contextlib import suppress

# A notebook's MPLBACKEND, which its commands inherit, may name what is not installed here, and then matplotlib cannot
# even be imported. Pictures that are written to files need none; pyplot, if anybody uses it, still gets the wish.
_wished = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
finally:
    if _wished is not None:
        os.environ["MPLBACKEND"] = _wished
if _wished:
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _wished
