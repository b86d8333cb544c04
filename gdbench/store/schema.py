"""The tables. Every change of them raises `VERSION`.

A curve is stored as the bytes that its digest hashes: its columns one after another, as little-endian float64.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from gdbench.results.metrics import METRICS

VERSION = 6

# By version and table, the columns that the version before lacks. New tables need no entry; migration.py says what old
# rows hold in new columns.
ADDED: dict[int, dict[str, tuple[str, ...]]] = {
    2: {"trials": ("parameters", "gradient_evaluations", "function_evaluations")},
    3: {},
    4: {},
    5: {
        "gdbench_schema": ("runs",),
        "runs": ("uptime", "boot", "namespace", "token", "stored", "done", "timed", "hash"),
        "trials": ("hash",),
        "notes": ("hash",),
    },
    6: {"trials": ("crossings", "diverged_step", "crossing_seconds")},
}

metadata = MetaData()

schema = Table(
    "gdbench_schema",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("runs", Integer),  # how many there are, so that a missing one is noticed
)

runs = Table(
    "runs",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("suite", String(255), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("identity", String(64), nullable=False),  # what must agree for a run to be continued
    Column("table", JSON, nullable=False),  # the suite as the user wrote it
    Column("target", JSON),
    Column("state", String(16), nullable=False),  # running, interrupted, complete
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("finished", Float),
    Column("heartbeat", Float, nullable=False),
    Column("host", String(255), nullable=False),
    Column("process", Integer, nullable=False),
    Column("process_started", Float, nullable=False),
    Column("code", String(64), nullable=False),
    Column("backend", String(16), nullable=False),
    Column("trials", Integer, nullable=False),  # how many the plan has
    Column("environment", JSON, nullable=False),
    Column("git_commit", String(40)),
    Column("git_dirty", Boolean),
    Column("uptime", Float),  # the heartbeat by the clock of the machine's boot
    Column("boot", String(64)),  # with `namespace`, where `process` means something (life.py)
    Column("namespace", String(64)),
    Column("token", String(32)),  # known to the process that writes the run; none if no process does
    Column("stored", Integer),  # how many of its trials there are
    Column("done", Integer),  # how many of these need not be trained again
    Column("timed", String(64)),  # hash of all rows of `timings` and `subjects`
    Column("hash", String(64)),  # of the row (integrity.py)
)

trials = Table(
    "trials",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("trial", Integer, primary_key=True),
    Column("key", String(32), nullable=False),
    Column("setting", String(32), nullable=False),
    Column("code", String(64), nullable=False),
    Column("problem", String(255), nullable=False),
    Column("rule", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("dtype", String(16), nullable=False),
    Column("backend", String(16), nullable=False),
    Column("definition", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("steps", Integer, nullable=False),
    Column("epochs", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("steps_to_target", Float),
    Column("digest", String(64)),
    Column("parameters", Integer),
    Column("gradient_evaluations", Integer),
    Column("function_evaluations", Integer),
    *(Column(name, Float) for name in METRICS),
    Column("crossings", JSON(none_as_null=True)),  # where each level of the target was crossed, null: nowhere
    Column("diverged_step", Float),
    Column("crossing_seconds", Float),  # that the looks at the target took
    Column("hash", String(64)),  # of the row and the names of its curve's columns
    ForeignKeyConstraint(["run"], ["runs.run"], ondelete="CASCADE"),
    Index("trials_by_key", "key"),
)

curves = Table(
    "curves",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("trial", Integer, primary_key=True),
    Column("columns", JSON, nullable=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["run"], ["runs.run"], ondelete="CASCADE"),
)

timings = Table(
    "timings",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("backend", String(16), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("sample", Integer, primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("steps", Integer, nullable=False),
    ForeignKeyConstraint(["run"], ["runs.run"], ondelete="CASCADE"),
)

# What the subjects of `timings` do (gdbench/timing/subjects.py).
subjects = Table(
    "subjects",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("part", String(32), nullable=False),
    Column("problem", String(255)),
    Column("rule", String(255)),
    Column("batch_size", Integer),
    Column("dtype", String(16)),
    Column("jobs", Integer, nullable=False),
    Column("layer", Integer),
    Column("flops", Float),  # of a step
    Column("bytes", Float),
    Column("memory", String(16)),  # L1 ..., where the bytes are
    ForeignKeyConstraint(["run"], ["runs.run"], ondelete="CASCADE"),
)

# What a person says about a run: why its numbers are intended.
notes = Table(
    "notes",
    metadata,
    Column("run", String(32), primary_key=True),
    Column("text", Text, nullable=False),
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("hash", String(64)),
    ForeignKeyConstraint(["run"], ["runs.run"], ondelete="CASCADE"),
)
