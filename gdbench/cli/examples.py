"""Three examples for the help of each command, and the group that it is listed in."""

PANELS = {
    "Run and read": ("run", "init", "report", "list", "show", "tune"),
    "What a step costs": ("time", "peers"),
    "Did it get worse?": ("compare", "gate", "history"),
    "For papers and other programs": ("figure", "table", "export", "remove"),
    "Is it right?": ("verify", "gpu-check", "doctor"),
}
EXAMPLES = {
    "run": (
        "gdbench run",
        "gdbench run flowers.csv --predict species",
        "gdbench run mine.toml --seeds 20 --set budget.epochs=5",
    ),
    "init": (
        "gdbench init flowers.csv --predict species",
        "gdbench init cars.csv --predict price --encode -o prices.toml",
        "gdbench init mnist.npz --predict y",
    ),
    "report": ("gdbench report", "gdbench report latest --open", "gdbench report latest latest~1"),
    "list": ("gdbench list", "gdbench list rules", "gdbench list runs --json"),
    "show": ("gdbench show adam", "gdbench show quick", "gdbench show latest"),
    "tune": ("gdbench tune adam digits", "gdbench tune sgd mine.toml:iris --extend", "gdbench tune adam rosenbrock"),
    "time": ("gdbench time", "gdbench time adam lion --net 784-128-10 --batch 128", "gdbench time --run latest"),
    "peers": ("gdbench peers", "gdbench peers adam --cores 1", "gdbench peers sgd momentum --json"),
    "compare": ("gdbench compare latest~1 latest", "gdbench compare 3f2a", "gdbench compare old.json latest"),
    "gate": (
        "gdbench gate latest~1 latest",
        "gdbench gate --ab main . --suite quick",
        "gdbench gate --baseline tests/regression.txt --strict",
    ),
    "history": ("gdbench history", "gdbench history step --plot steps.svg", "gdbench history --json"),
    "figure": (
        "gdbench figure latest standing",
        "gdbench figure latest loss_curves -o curves.pdf --columns 1",
        "gdbench figure latest sensitivity --problem digits",
    ),
    "table": ("gdbench table", "gdbench table latest --format latex", "gdbench table 3f2a --format csv"),
    "export": ("gdbench export", "gdbench export latest --format csv --to results", "gdbench export --format parquet"),
    "remove": ("gdbench remove 3f2a", "gdbench remove latest", "gdbench remove latest~1 --json"),
    "verify": ("gdbench verify", "gdbench verify adam-first-step peers", "gdbench verify --plugin mine.py"),
    "gpu-check": ("gdbench gpu-check", "gdbench gpu-check --offline", "gdbench gpu-check --json"),
    "doctor": ("gdbench doctor", "gdbench doctor --store gdbench-results/gdbench.db", "gdbench doctor --json"),
}


def epilog(name: str) -> str:
    """The end of a command's help."""
    return "\n".join(["**Examples**", "", *(f"- `{line}`" for line in EXAMPLES[name])])


def panel(name: str) -> str:
    """The group that a command is listed in."""
    return next(title for title, names in PANELS.items() if name in names)
