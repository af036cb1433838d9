"""Finds the folder of the packs: `rules/` in a checkout, `slo/_rules` in a wheel."""

from pathlib import Path

import slo
from slo.errors import WatchkeepError


def rules_folder() -> Path:
    """Where the packs lie, with their schema beside them.

    A wheel carries them inside the package. In a checkout, and so in an editable install, they lie beside it.
    """
    package = Path(slo.__file__).resolve().parent
    for folder in (package / "_rules", package.parent / "rules"):
        if folder.is_dir():
            return folder
    raise WatchkeepError(f"{package} comes without its rules: install watchkeep again.")
