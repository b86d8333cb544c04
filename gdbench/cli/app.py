"""The commands put together, and what happens when one of them fails."""

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from gdbench import __version__
from gdbench.cli import (
    doctor,
    gate,
    gpu_check,
    history,
    listing,
    peers,
    results,
    run,
    showing,
    timing,
    tune,
    verify,
)
from gdbench.cli.output import fail
from gdbench.errors import GdbenchError

# click's ClickException, which older typers import and newer ones carry inside.
CommandError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

app = typer.Typer(
    name="gdbench",
    help="Which gradient-descent rule, at which learning rate and batch size, reaches the target soonest?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("report")(results.report)
app.command("list")(listing.list_)
app.command("show")(showing.show)
app.command("tune")(tune.tune)
app.command("time")(timing.time)
app.command("peers")(peers.peers)
app.command("compare")(gate.compare)
app.command("gate")(gate.gate)
app.command("history")(history.history)
app.command("export")(results.export)
app.command("remove")(results.remove)
app.command("verify")(verify.verify)
app.command("gpu-check")(gpu_check.gpu_check)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"gdbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


INTERRUPTED, BROKEN_PIPE = 130, 141  # as shells have them


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that section `Exit codes` of the README promises."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        if code == INTERRUPTED:  # Typer's answer to Ctrl-C, without a word
            fail("interrupted", code)
    except GdbenchError as error:
        code = fail(str(error), error.exit_code)
    except CommandError as error:
        message = error.format_message()
        code = fail(message, 2) if message else 2  # nothing to say after the help  # type: ignore[attr-defined]
    except (KeyboardInterrupt, typer.Abort):
        code = fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        code = BROKEN_PIPE
    except Exception:  # a fault of ours; Python's own 1 would mean a regression
        traceback.print_exc()
        code = GdbenchError.exit_code
    sys.exit(code or 0)


def _interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt
