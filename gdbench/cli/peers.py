"""`gdbench peers`."""

from typing import TYPE_CHECKING, Annotated, Any

from gdbench.cli.options import (
    BackendOption,
    BatchOption,
    DtypeOption,
    JsonOption,
    NetOption,
    ProblemOption,
    QuietOption,
    count,
    parse_batches,
    parse_cores,
    parse_dtypes,
    repeated,
    rules_by_default,
)
from gdbench.cli.output import print_json, print_table, say, status, warn
from gdbench.errors import UsageError, nearest
from gdbench.inputs import limits

if TYPE_CHECKING:
    from gdbench.peers.comparison import PeerResults

RULES = ("adam",)
TRIALS = {"cpu": 16, "cuda": 4096}
SEEDS = {"cpu": None, "cuda": 16}  # the trials take these seeds in turn, as in a suite
CHUNK = {"cpu": None, "cuda": 64}  # steps per call
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "optax", "scikit-learn")


def peers(
    rules: Annotated[list[str] | None, rules_by_default("adam")] = None,
    net: NetOption = None,
    problem: ProblemOption = None,
    batch: BatchOption = None,
    dtype: DtypeOption = None,
    peer: Annotated[list[str] | None, repeated("--peer", "NAME", "A peer; all by default")] = None,
    trials: Annotated[
        int | None,
        count(
            "--trials",
            "Trials of a sweep, 16 by default, 4096 on a GPU; one is timed by itself too.",
            limits.PEER_TRIALS,
        ),
    ] = None,
    cores: Annotated[
        list[str] | None, repeated("--cores", "N", "Cores that may be used, or all; 1 and all by default")
    ] = None,
    rounds: Annotated[
        int | None, count("--rounds", "Rounds, each of which visits every peer, 5 by default.", limits.ROUNDS)
    ] = None,
    steps: Annotated[
        int | None,
        count("--steps", "Steps per call, the same for all; by default what suits the network.", limits.CHUNK),
    ] = None,
    backend: BackendOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the same trials by PyTorch, JAX with Optax, scikit-learn and gdbench: do they agree, and how fast is each?

    Each library gets the same data, initial weights, batches and rule, and runs in a process of its own. Its code is
    written for speed, as its own users write it. All libraries are timed in interleaved rounds in random order.

    A library that trains a sweep's trials one after another is also timed with one process per core, which share the
    trials. A library that is not installed, or cannot express a rule, is named and left out. On a GPU, all train there
    except gdbench-cpu, which is gdbench on two cores.
    """
    from gdbench.machine.environment import slow_products, usable_cores
    from gdbench.peers import BACKENDS
    from gdbench.peers.comparison import compare
    from gdbench.runner.backends.choosing import choose_backend
    from gdbench.timing import cases
    from gdbench.timing.pace import OF_PEERS

    rounds = rounds or OF_PEERS.rounds
    chosen = choose_backend(backend)
    known = BACKENDS[chosen]
    for name in peer or ():
        if name not in known:
            raise UsageError(f"--peer {name} is not known{nearest(name, known)}")
    batches, dtypes = parse_batches(batch), parse_dtypes(dtype)
    asked = cases(net or (), problem or (), batches, dtypes)
    if not (net or problem or batches):
        asked += [case for name in dtypes for case in cases(["784-512-10"], (), [512], [name])]
    warn(slow_products() if chosen == "cpu" else None)
    with status("starting", quiet or as_json) as watch:
        found = compare(
            asked,
            list(dict.fromkeys(rules or RULES)),
            peer or list(known),
            trials=trials or TRIALS[chosen],
            cores=parse_cores(cores or (["1", "all"] if chosen == "cpu" else ["all"]), usable_cores()),
            rounds=rounds,
            chunk=steps or CHUNK[chosen],
            seeds=SEEDS[chosen],
            peers=known,
            watch=watch,
        )
    _print(found, rounds, as_json, chosen)


def _print(found: "PeerResults", rounds: int, as_json: bool, backend: str) -> None:
    import pandas as pd

    from gdbench.peers import OURS
    from gdbench.peers.worker import BINDS
    from gdbench.reports import peers_table
    from gdbench.timing.pace import OF_PEERS

    agreement, speed = pd.DataFrame(found.agreement), pd.DataFrame(found.speed)
    if as_json:
        print_json({**_document(found, rounds), "backend": backend})
        return
    if found.agreement:
        first = found.agreement[0]
        title = (
            f"Losses after {first['steps']} steps: largest relative difference from gdbench's, {first['trials']} trials"
        )
        say()
        print_table(peers_table.agreement_rows(agreement, OURS), title=title)
    for title, group in peers_table.settings(speed):
        say()
        print_table(peers_table.speed_rows(group, OURS), title=f"{title}; × how many times as fast gdbench is")
    say()
    say(
        f"{rounds} rounds, {OF_PEERS.samples} samples of at least {OF_PEERS.least:g} s a visit: medians over rounds, "
        "with 95 % bootstrap intervals of the ratios within rounds."
    )
    prepared = peers_table.prepared(pd.concat([agreement, speed]))
    say(f"Compiling and the first call, not timed above, took at most: {prepared}.")
    if backend == "cuda":
        say("On the GPU. A library that trains one trial after another gets only the first few: its speed is the same.")
    if not BINDS:
        say("This system cannot bind processes to cores: the libraries were told how many threads to use.")
    for sentence in dict.fromkeys([*peers_table.reasons(agreement), *peers_table.reasons(speed)]):
        say(sentence)


def _document(found: "PeerResults", rounds: int) -> dict[str, Any]:
    """The comparison as JSON can hold it; null for what a peer does not have."""
    import pandas as pd

    from gdbench.machine.environment import environment, package_version
    from gdbench.results.export import plain_rows

    return {
        "environment": {**environment(), **{name: package_version(name) for name in PACKAGES}},
        "rounds": rounds,
        "agreement": plain_rows(pd.DataFrame(found.agreement)),
        "speed": plain_rows(pd.DataFrame(found.speed)),
        "samples": plain_rows(pd.DataFrame(found.samples)),
    }
