"""Labels as they are given to commands: `service=gate`."""

from collections.abc import Sequence

from slo.errors import UsageError


def labels_in(pairs: Sequence[str]) -> dict[str, str]:
    """The labels that `--label` gave. Raises UsageError for what is none."""
    labels = {}
    for pair in pairs:
        label, separator, value = pair.partition("=")
        if not separator or not label:
            raise UsageError(f"--label {pair}: is no label with a value: write it as service=gate")
        labels[label] = value
    return labels
