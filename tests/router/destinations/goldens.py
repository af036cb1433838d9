"""Payloads as files that a person can review. `UPDATE_GOLDENS=1 pytest tests/router/destinations` writes them anew."""

import json
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "goldens"


def hold_against(name: str, payload: object) -> None:
    """Compare a payload with the file `name`."""
    file = FOLDER / name
    text = json.dumps(payload, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def hold_text_against(name: str, text: str) -> None:
    """Compare a text with the file `name`."""
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDENS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
