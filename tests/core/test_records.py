"""What all records of the core have in common."""

import dataclasses
import importlib
import pkgutil

import pytest

import slo.core
from slo.core.counts import Counts

RECORDS = sorted(
    {
        kind
        for module in pkgutil.iter_modules(slo.core.__path__, "slo.core.")
        for kind in vars(importlib.import_module(module.name)).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__.startswith("slo.core.")
    },
    key=lambda kind: kind.__qualname__,
)


def test_the_core_has_records() -> None:
    assert Counts in RECORDS
    assert len(RECORDS) > 20


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__qualname__)
def test_a_record_is_frozen_and_made_by_keyword_and_has_no_room_for_more(record: type) -> None:
    parameters = record.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert all(field.kw_only for field in dataclasses.fields(record))
    assert "__slots__" in vars(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__qualname__)
def test_a_record_says_what_it_is(record: type) -> None:
    assert record.__doc__
    assert not record.__doc__.startswith(f"{record.__name__}(")


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Counts().good = 1  # type: ignore[misc]
