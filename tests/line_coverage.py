"""Line coverage of kernels/ over the lanes together: prints each line that no test runs.

    python tests/line_coverage.py             every lane; exit code 1 below 100 %
    python tests/line_coverage.py plain       one lane alone

Coverage sees no line of compiled functions, so their lines are run in plain Python; what compiles, keeps and refuses
them is run in the ordinary lane, from an empty cache. Code for AVX2 comes from lines that any compiled code comes from,
so it has no lane here. What is for GPUs (compile/cuda.py, kernels/gpu/) is left out: parts of it only a GPU runs.
Tests that would take minutes without the compiler are left out of its lane.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
KERNELS = TESTS.parent / "gdbench" / "kernels"
# What takes long without the compiler, and comparisons with what is not ours.
SLOW = (
    "test_error_is_within_the_stated_bound",
    "test_newton_cg_needs_no_matrix_where_none_would_fit",
    "test_solving_agrees_with_lapack_whatever_the_signs[300]",
    "test_draws_have_their_distributions",
    "test_every_permutation_is_equally_likely",
    "test_loss_and_gradient_agree_with_the_reference_and_with_differences",
    "test_products_and_hessians_are_the_derivatives_of_gradients",
    "test_float32_follows_float64",
    "test_float32_gradients_follow_float64",
    "test_what_is_too_large_or_no_vector_is_refused",
    "test_without_the_compiler",
    "pytorchs",
)
# For each lane its environment, its tests, and which of them run.
LANES = {
    "plain": (
        {"NUMBA_DISABLE_JIT": "1"},
        (
            *("curvature", "elementary", "functions", "jit", "kernels", "linear", "minimize", "parts", "quadratic"),
            *("random", "rules", "schedules"),
        ),
        f"not ({' or '.join(SLOW)})",
    ),
    "compiled": (
        {"NUMBA_DISABLE_JIT": "0"},
        ("cli", "directions", "jit", "minimize", "parts", "rules"),
        "jit or parts or numba_cannot_compile or too_few_or_too_many or too_short or doctor or plugin_rule "
        "or users_own or lookahead_goes or names_its_line or budget",
    ),
}
CONFIGURATION = """
[run]
source = {kernels}
omit =
    {kernels}/compile/cuda.py
    {kernels}/gpu/*
parallel = true
patch = subprocess

[report]
show_missing = true
skip_covered = true
precision = 2
"""


def run_lane(name: str, configuration: Path) -> bool:
    """Whether one lane's tests pass; what they cover is left in a file of the lane's name beside the configuration."""
    settings, files, selection = LANES[name]
    folder = configuration.parent
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal", "-k", selection]
    command += ["--cov", f"--cov-config={configuration}", "--cov-report="]
    command += [str(path) for file in files for path in TESTS.rglob(f"test_{file}.py")]
    places = {"COVERAGE_FILE": str(folder / name), "NUMBA_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(command, env={**os.environ, **places, **settings}).returncode == 0


def main(arguments: list[str]) -> int:
    """Run the lanes named (all by default) and report; returns the exit code."""
    lanes = arguments or list(LANES)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "settings"
        configuration.write_text(CONFIGURATION.format(kernels=KERNELS), encoding="utf-8")
        failed = [name for name in lanes if not run_lane(name, configuration)]
        tool = [sys.executable, "-m", "coverage"]
        given = [f"--rcfile={configuration}", f"--data-file={folder}/together"]
        subprocess.run([*tool, "combine", "--quiet", *given, *(f"{folder}/{name}" for name in lanes)], check=True)
        short = subprocess.run([*tool, "report", *given, "--fail-under=100"]).returncode != 0
    if failed:
        print(f"tests failed in the lanes: {', '.join(failed)}")  # noqa: T201
    return 1 if failed or short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
