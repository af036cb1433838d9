"""What is wrong with a request, in the words of the command that made it: the option, and not the key of the API."""

from collections.abc import Iterable

import click

PERSONS = frozenset({"by", "author", "owner"})
"""Keys that hold the person who does it."""


def in_options(faults: Iterable[tuple[str, str]]) -> str:
    """A line for each fault: the place, which is the path of a key as `services.0`, and what is wrong there."""
    return "\n".join(f"{_place(path)}: {problem}" for path, problem in faults)


def _place(path: str) -> str:
    """The option or the argument of the command that runs; what is wrong with several together is the command's own."""
    context = click.get_current_context(silent=True)
    if context is None:
        return path
    if not path:
        return context.command_path
    key = path.split(".", maxsplit=1)[0]
    named = {parameter.name: parameter for parameter in context.command.params}
    parameter = named.get(key) or (named.get("by") if key in PERSONS else None)
    if parameter is None:
        return path
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(context)
