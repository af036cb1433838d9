"""The keys of an answer that is one value: what it must be."""

from slo.config.types import Pattern, Section


class ExpectedValue(Section):
    """What is expected of one value, compared as text."""

    value: str | int | None = None
    """What it must be, as `ok` or `1`."""

    match: Pattern | None = None
    """An expression that must match it somewhere."""

    @property
    def any(self) -> bool:
        """Whether anything is expected of the value."""
        return self.value is not None or self.match is not None

    def held_against(self, found: str | None) -> str:
        """What may be shown of a value, or of none: how long it is, and whether it is as expected."""
        size = "nothing" if found is None else f"{len(found)} character{'' if len(found) == 1 else 's'}"
        if not self.any:
            return f"{size}, and nothing is expected of it"
        return f"{size}, {'not ' if self.mismatch(found) else ''}as expected"

    def mismatch(self, found: str | None) -> str:
        """What is not as expected of the value; empty where all is. None is no value. It does not show the value."""
        if found is None:
            return "there is no value" if self.any else ""
        if self.value is not None and found != str(self.value):
            return f"the value is not {str(self.value)!r}"
        if self.match is not None and not self.match.search(found):
            return f"the value does not match {self.match.text!r}"
        return ""
