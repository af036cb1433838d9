"""Datadog's own package takes the dashboards: every object is of a kind that it knows, with no key that it does not."""

from types import SimpleNamespace
from typing import Any

import pytest
from datadog_api_client import Configuration, model_utils
from datadog_api_client.v1.model.dashboard import Dashboard

from exporters.datadog.series import COUNTS as SENT
from slo.interop.dashboards.datadog_queries import COUNTS
from tests.interop.dashboards.reading import datadogs

DOCUMENTS = datadogs()


def parsed(document: object) -> Any:
    package: Any = SimpleNamespace(configure=Configuration, convert=model_utils.validate_and_convert_types)
    return package.convert(document, (Dashboard,), ["dashboard"], True, True, package.configure())


def strangers(node: Any, place: str = "dashboard") -> list[str]:
    """The places of what the package does not know, below one of its objects."""
    match node:
        case list():
            return [found for index, each in enumerate(node) for found in strangers(each, f"{place}[{index}]")]
        case model_utils.UnparsedObject():
            return [place]
        case model_utils.ModelComposed():
            return [found for each in node._composed_instances for found in strangers(each, place)]
        case model_utils.ModelNormal():
            found = [place] if node._unparsed else []
            for key, value in node._data_store.items():
                known = key in node.openapi_types
                found += strangers(value, f"{place}.{key}") if known else [f"{place}.{key}"]
            return found
    return [place] if getattr(node, "_unparsed", False) else []


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_the_package_knows_everything_in_a_dashboard(document: Any) -> None:
    assert strangers(parsed(document)) == []


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        (("layout",), "hight", 3),
        (("definition", "widgets", 0, "definition"), "type", "timeserious"),
        (("definition", "widgets", 0, "definition", "requests", 0, "queries", 0), "aggregator", "mean"),
        (("definition", "widgets", 0, "definition", "requests", 0, "formulas", 0), "formel", "a / b"),
    ],
)
def test_what_the_package_does_not_know_is_found(place: tuple[str | int, ...], key: str, value: object) -> None:
    document = datadogs()["slos"]
    node = document["widgets"][0]
    for step in place:
        node = node[step]
    node[key] = value
    assert strangers(parsed(document)) != []


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_formula_uses_the_queries_of_its_request_and_all_of_them(document: Any) -> None:
    for group in document["widgets"]:
        for widget in group["definition"]["widgets"]:
            for request in widget["definition"]["requests"]:
                names = [query["name"] for query in request.get("queries", ())]
                formulas = " ".join(formula["formula"] for formula in request.get("formulas", ()))
                assert len(set(names)) == len(names)
                assert all(name in formulas for name in names), widget["definition"]["title"]


def test_counts_are_asked_for_by_the_names_that_they_are_sent_under() -> None:
    assert set(COUNTS.values()) == set(SENT)
