"""What the keys of several parts have in common."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo

from slo.config.section import Section


def _absolute(value: str, info: ValidationInfo) -> str:
    return str(((info.context["folder"] if info.context else Path()) / value).absolute())


TokenFile: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_absolute)]
"""The path of a file that need not be there yet: it is read when it is needed. A relative one is relative to the folder
of the configuration."""

Namespace: TypeAlias = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class NamespacedKeys(Section):
    """Which namespaces are looked at."""

    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)] | None = None
    """The namespaces that are looked at. Default: all."""

    def has(self, namespace: str) -> bool:
        """Whether this one is looked at."""
        return self.namespaces is None or namespace in self.namespaces
