"""Trials of the suite `regression` on ARM64, whose digests must be those of `tests/regression.txt`.

    python tests/arm64.py              # all trials
    python tests/arm64.py --share 5    # a fifth of them, chosen by their keys

An ARM64 processor is emulated (Debian's package qemu-user-static), with Debian's Python for it and the wheels of the
versions installed here, which are unpacked into a folder once: 300 MB to load, 1 GB unpacked. Kernels are compiled
there too, by a process for each dtype, and kept. Exit code: 0 all equal, 1 a digest differs, 3 it could not be tried.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gdbench-arm64"
QEMU, PROCESSOR = "qemu-aarch64-static", "neoverse-n1"
PACKAGES = ("python3", "libstdc++6", "libgomp1")
TAGS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
DTYPES = ("float32", "float64")


def pins() -> list[str]:
    """What gdbench needs, in the versions installed here."""
    names = [re.match(r"[\w.-]+", line) for line in requires("gdbench") or () if ";" not in line]
    return [f"{name[0]}=={version(name[0])}" for name in names if name]


def prepare(folder: Path) -> Path:
    """Unpack Python and the wheels into `folder`, unless they are there, and return Python's path."""
    wanted = "\n".join((*PACKAGES, *pins()))
    ready, root = folder / "ready", folder / "root"
    if not ready.is_file() or ready.read_text() != wanted:
        shutil.rmtree(root, ignore_errors=True)
        ready.unlink(missing_ok=True)
        _unpack_python(folder, root)
        _unpack_wheels(folder, root, _python(root).name.removeprefix("python"))
        ready.write_text(wanted)
    return _python(root)


def _unpack_python(folder: Path, root: Path) -> None:
    """By apt, which here has lists, states and packages of its own and touches nothing of the system."""
    for name in ("lists/partial", "archives/partial"):
        (folder / "apt" / name).mkdir(parents=True, exist_ok=True)
    (folder / "apt" / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": folder / "apt",
        "Dir::State::status": folder / "apt" / "status",
        "Dir::Cache": folder / "apt",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--download-only", "--yes", "--no-install-recommends", *PACKAGES], check=True)
    for package in sorted((folder / "apt" / "archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)


def _unpack_wheels(folder: Path, root: Path, python: str) -> None:
    options = ["--quiet", "--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    options += [f"--platform={tag}" for tag in TAGS]
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "pip", "download", *options, f"--dest={wheels}", *pins()], check=True)
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(root / "site")


def _python(root: Path) -> Path:
    return next(path for path in (root / "usr" / "bin").glob("python3.*") if path.name[-1].isdigit())


def emulated(folder: Path, python: Path, share: int) -> Iterator[tuple[str, str]]:
    """Key and digest of every trial that is chosen, as the emulated processor finds them."""
    root = folder / "root"
    site = os.pathsep.join(map(str, (HERE.parent, root / "site")))
    settings = {"PYTHONPATH": site, "NUMBA_CACHE_DIR": folder / "cache", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [QEMU, "-cpu", PROCESSOR, "-L", root]
    for name, value in settings.items():
        command += ["-E", f"{name}={value}"]
    command += [python, Path(__file__), f"--share={share}"]
    workers = [
        subprocess.Popen([*command, f"--worker={dtype}"], cwd=folder, stdout=subprocess.PIPE, text=True)
        for dtype in DTYPES
    ]
    for worker in workers:
        assert worker.stdout
        for line in worker.stdout:
            key, digest = line.split()
            yield key, digest
    if any(worker.wait() for worker in workers):
        raise SystemExit(3)


def work(dtype: str, share: int) -> None:
    """Train, on the emulated processor, the chosen trials of a dtype."""
    from gdbench import suites
    from gdbench.runner import train

    if platform.machine() != "aarch64":
        raise SystemExit("this is no ARM64 processor")
    for trial in suites.load("regression").first_trials():
        if trial.definition["dtype"] == dtype and int(trial.key, 16) % share == 0:
            record = train(trial)
            assert record is not None
            print(trial.key, record.digest, flush=True)  # noqa: T201


def expected() -> dict[str, str]:
    """Keys and digests of the baseline: their first 8 and 16 characters."""
    lines = [line for line in (HERE / "regression.txt").read_text().splitlines() if line.startswith("digest")]
    pairs = [pair for line in lines for pair in line.split("\t")[-1].split()]
    return dict(pair.split("=") for pair in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every N-th trial, as its key says")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where Python, wheels and kernels are kept")
    parser.add_argument("--worker", choices=DTYPES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.share)
        return 0
    missing = [name for name in (QEMU, "apt-get", "dpkg") if shutil.which(name) is None]
    if missing:
        print(f"{', '.join(missing)} not found: on Debian, apt-get install qemu-user-static", file=sys.stderr)  # noqa: T201
        return 3
    begun, folder = time.monotonic(), given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = prepare(folder)
    prepared = time.monotonic()
    baseline = expected()
    found = {key: baseline.get(key[:8]) == digest[:16] for key, digest in emulated(folder, python, given.share)}
    different = [key for key, equal in found.items() if not equal]
    print(f"{len(found) - len(different)} of {len(found)} trials have the digests of x86")  # noqa: T201
    if different:
        print("different, or not in the baseline:", *different)  # noqa: T201
    print(f"{prepared - begun:.0f} s to prepare, {time.monotonic() - prepared:.0f} s to compile and train")  # noqa: T201
    return 1 if different else 0 if found else 3


if __name__ == "__main__":
    sys.exit(main())
