"""Figures have a look of their own, whatever a user's matplotlib is told, and a name is drawn whatever it is."""

import os
import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from gdbench.reports.style import style, svg

ODD = {
    "text.usetex": True,
    "svg.fonttype": "path",
    "font.family": ["No Such Font"],
    "font.size": 40.0,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "axes.prop_cycle": mpl.cycler(linestyle=["--", ":"]),
    "lines.linewidth": 9.0,
    "axes.unicode_minus": False,
    "axes.formatter.use_locale": True,
    "figure.dpi": 300.0,
    "xtick.labelsize": 30.0,
    "path.sketch": (1, 100, 2),
    "legend.fancybox": False,
}


def drawing():
    with style():
        figure = Figure(figsize=(3, 2), layout="constrained")
        ax = figure.subplots()
        ax.plot([1, 10], [-1e-3, 100], label="a")
        ax.set(xscale="log", title="größe 网络 🚀")
        ax.legend()
        return svg(figure, "x")


def test_figures_are_the_same_whatever_the_users_settings():
    usual = drawing()
    with mpl.rc_context(ODD):
        assert drawing() == usual
        assert {name: mpl.rcParams[name] for name in ODD} == ODD


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", "module://no.such", "nonsense", "agg", ""]
)
def test_no_backend_of_a_notebook_stops_a_picture(backend, tmp_path):
    code = (
        "import os, sys; import gdbench.reports, matplotlib; from gdbench.reports.style import style, svg\n"
        "from matplotlib.figure import Figure\n"
        "with style():\n    figure = Figure(); figure.subplots().plot([1, 2])\n"
        "assert svg(figure, 'x').startswith('<svg')\n"
        "print(os.environ['MPLBACKEND'], matplotlib.rcParams._get('backend') == 'agg')"
    )
    (tmp_path / "matplotlibrc").write_text("text.usetex: true\nbackend: nonsense\naxes.prop_cycle: no\nno.such: 1\n")
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "MPLBACKEND": backend}, cwd=tmp_path, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{backend} {backend == 'agg'}\n"
