"""SLOs and their corrections in the words of `datadog-api-client`. All of it blocks, and raises what that raises."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from exporters.datadog.corrections import Correction, PresentCorrection
from exporters.datadog.objectives import MARK, Action, Create, Objective, Present, Update, owner_tag

if TYPE_CHECKING:
    from datadog_api_client import ApiClient

PAGE = 100
"""How many are asked for at once. A page may have fewer, and not be the last."""

MOST_PAGES = 1_000


def present_slos(client: "ApiClient", owner: str) -> list[Present]:
    """The SLOs that are an owner's."""
    tag, api = owner_tag(owner), _slos(client)
    found = _pages(lambda offset: api.list_slos(tags_query=tag, limit=PAGE, offset=offset))
    return [present for slo in found if (present := _of_slo(slo, tag)) is not None]


def present_corrections(client: "ApiClient") -> list[PresentCorrection]:
    """All corrections of SLOs, whosever they are."""
    api = _corrections(client)
    found = _pages(lambda offset: api.list_slo_correction(limit=PAGE, offset=offset))
    return [_of_correction(each["id"], each["attributes"]) for each in found]


def act(action: Action, client: "ApiClient") -> None:
    """Do what is to be done with an SLO."""
    api = _slos(client)
    match action:
        case Create(objective=objective):
            api.create_slo(_written(objective))
        case Update(id=id_, objective=objective):
            api.update_slo(id_, _written(objective))
        case _:
            api.delete_slo(action.id)


def correct(correction: Correction, client: "ApiClient") -> None:
    """Create a correction."""
    attributes: dict[str, Any] = {
        "slo_id": correction.slo,
        "category": correction.category,
        "description": correction.description,
        "start": correction.start,
        "timezone": "UTC",
    }
    if correction.rule:
        attributes |= {"rrule": correction.rule, "duration": correction.duration}
    else:
        attributes["end"] = correction.end
    _corrections(client).create_slo_correction({"data": {"type": "correction", "attributes": attributes}})


def take_back(id_: str, client: "ApiClient") -> None:
    """Delete a correction."""
    _corrections(client).delete_slo_correction(id_)


def _pages(page: Callable[[int], Any]) -> Iterator[dict[str, Any]]:
    """Everything that a list has, page by page until one is empty."""
    offset = 0
    for _ in range(MOST_PAGES):
        found = page(offset).to_dict().get("data", [])
        if not found:
            return
        yield from found
        offset += len(found)
    raise ValueError("a list does not end")


def _of_correction(id_: str, attributes: Mapping[str, Any]) -> PresentCorrection:
    correction = Correction(
        slo=attributes.get("slo_id") or "",
        category=str(attributes["category"]),
        description=attributes.get("description") or "",
        start=attributes["start"],
        end=attributes.get("end") or 0,
        rule=attributes.get("rrule") or "",
        duration=attributes.get("duration") or 0,
    )
    return PresentCorrection(id=id_, correction=correction)


def _of_slo(slo: Mapping[str, Any], owner: str) -> Present | None:
    """An SLO of the owner; None where it is somebody else's."""
    tags = tuple(sorted(slo.get("tags") or ()))
    mark = next((each for each in tags if each.startswith(f"{MARK}:")), None)
    query = slo.get("query")
    if mark is None or owner not in tags or not isinstance(query, Mapping):
        return None
    objective = Objective(
        mark=mark,
        name=slo["name"],
        description=slo.get("description") or "",
        numerator=query["numerator"],
        denominator=query["denominator"],
        thresholds=tuple((str(each["timeframe"]), float(each["target"])) for each in slo["thresholds"]),
        tags=tags,
    )
    return Present(id=slo["id"], created_at=slo.get("created_at") or 0, objective=objective)


def _written(objective: Objective) -> dict[str, Any]:
    """An SLO as the package takes it: it checks it, and makes objects of its own of it."""
    return {
        "name": objective.name,
        "description": objective.description,
        "type": "metric",
        "query": {"numerator": objective.numerator, "denominator": objective.denominator},
        "thresholds": [{"timeframe": name, "target": target} for name, target in objective.thresholds],
        "tags": list(objective.tags),
    }


def _slos(client: "ApiClient") -> Any:
    """The package has its types, and no word of them for constructors."""
    from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi

    return ServiceLevelObjectivesApi(client)  # type: ignore[no-untyped-call]


def _corrections(client: "ApiClient") -> Any:
    from datadog_api_client.v1.api.service_level_objective_corrections_api import ServiceLevelObjectiveCorrectionsApi

    return ServiceLevelObjectiveCorrectionsApi(client)  # type: ignore[no-untyped-call]
