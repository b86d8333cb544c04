"""The commands put together."""

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
from gdbench.cli.options import NoPluginsOption
from gdbench.cli.output import note
from gdbench.errors import UsageError
from gdbench.kernels.cache import refused

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
    no_plugins: NoPluginsOption = False,
) -> None:
    pass


def command(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code, and raises GdbenchError for what is wrong with it.

    Typer's own way of running it is not taken: that ends in exit code 1 where the output is a closed pipe, and calls an
    end of a file an interruption.
    """
    group = typer.main.get_command(app)
    try:
        with group.make_context("gdbench", list(arguments)) as context:
            code = group.invoke(context)
        for reason in sorted(refused):
            note(f"note: compiled kernels were not kept, so every start compiles anew: {reason}")
    except typer.Exit as done:
        code = done.exit_code
    except typer.Abort:  # nobody answered a question
        raise KeyboardInterrupt from None
    except CommandError as error:
        if not (message := error.format_message()):  # nothing to say after the help
            return UsageError.exit_code
        raise UsageError(message) from None
    return code or 0
