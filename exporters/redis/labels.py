"""Labels that are the same object each time, so that whoever renders a series need not look at them again."""

from collections.abc import Mapping
from functools import lru_cache


@lru_cache(maxsize=16_384)
def labelled(*pairs: tuple[str, str]) -> Mapping[str, str]:
    """These labels, the same object each time."""
    return dict(pairs)


@lru_cache(maxsize=16_384)
def of_command(name: str) -> Mapping[str, str]:
    """Those of a command."""
    return {"cmd": name}


@lru_cache(maxsize=16_384)
def at_quantile(command: str, percentile: str) -> Mapping[str, str]:
    """Those of a command's percentile."""
    return {"cmd": command, "quantile": percentile}


@lru_cache(maxsize=1024)
def of_database(name: str) -> Mapping[str, str]:
    """Those of a database."""
    return {"db": name}
