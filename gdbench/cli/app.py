"""The commands, put together in one group."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from gdbench import __version__
from gdbench.cli.examples import epilog, panel
from gdbench.cli.options import NoPluginsOption
from gdbench.cli.output import note
from gdbench.errors import UsageError

# click's ClickException: older versions of typer import it, newer ones contain a copy.
CommandError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

# In the order of the help: the module of this folder and the function.
COMMANDS = {
    "run": ("run", "run"),
    "init": ("init", "init"),
    "report": ("results", "report"),
    "list": ("listing", "list_"),
    "show": ("showing", "show"),
    "tune": ("tune", "tune"),
    "time": ("timing", "time"),
    "peers": ("peers", "peers"),
    "compare": ("gate", "compare"),
    "gate": ("gate", "gate"),
    "history": ("history", "history"),
    "figure": ("paper", "figure"),
    "table": ("paper", "table"),
    "export": ("results", "export"),
    "remove": ("results", "remove"),
    "verify": ("verify", "verify"),
    "gpu-check": ("gpu_check", "gpu_check"),
    "doctor": ("doctor", "doctor"),
}
SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": "markdown",
    "pretty_exceptions_enable": False,
}
HELP = {"help_option_names": ["-h", "--help"]}


def _without_types(command: Any) -> Any:
    """The command, whose help then shows flags without the word `<bool>`."""
    for option in (option for option in command.params if getattr(option, "is_flag", False)):
        option.metavar = ""
    made = command.get_help_option

    def get_help_option(context: Any) -> Any:
        option = made(context)
        option.metavar = ""
        return option

    command.get_help_option = get_help_option
    return command


class Commands(typer.core.TyperGroup):
    """The commands, each imported when it is called: `list runs` loads neither the kernels nor their compiler."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in the order of the help."""
        return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        # For an unknown name all commands are loaded, since the error suggests a similar name.
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                file, function = COMMANDS[name]
                module = import_module(f"gdbench.cli.{file}")
                alone = typer.Typer(**SETTINGS)
                words: dict[str, Any] = {
                    "epilog": epilog(name),
                    "rich_help_panel": panel(name),
                    "context_settings": HELP,
                }
                kind = getattr(module, "Command", None)
                alone.command(name, cls=kind, **words)(getattr(module, function))
                self.commands[name] = _without_types(typer.main.get_command(alone))
        return self.commands.get(cmd_name)


app = typer.Typer(
    name="gdbench",
    cls=Commands,
    help="Which gradient-descent rule, at which learning rate and batch size, reaches the target soonest?",
    no_args_is_help=True,
    context_settings=HELP,
    **{**SETTINGS, "add_completion": True},
)


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


def _refused() -> set[str]:
    """Why compiled kernels were not cached; empty if no command loaded any."""
    cache = sys.modules.get("gdbench.kernels.compile.cache")
    return set() if cache is None else cache.refused


def command(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; raises GdbenchError for a mistake in it.

    Typer's standalone mode is not used: it exits with 1 when the output is a closed pipe, and takes an end of file for
    an interruption.
    """
    group = _without_types(typer.main.get_command(app))
    try:
        with group.make_context("gdbench", list(arguments)) as context:
            code = group.invoke(context)
        for reason in sorted(_refused()):
            note(f"note: compiled kernels were not kept, so every start compiles again: {reason}")
    except typer.Exit as done:
        code = done.exit_code
    except typer.Abort:  # a question had no answer
        raise KeyboardInterrupt from None
    except CommandError as error:
        if not (message := error.format_message()):  # click has printed the help, and there is nothing to add
            return UsageError.exit_code
        raise UsageError(message) from None
    return code or 0
