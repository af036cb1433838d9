"""Query parameters of LIST and WATCH, as strictly read as can be."""

from dataclasses import dataclass

from multidict import MultiMapping

from tests.daemonset.selectors import Predicate, field_selector, label_selector
from tests.daemonset.statuses import bad_request, invalid

KNOWN = frozenset(
    {
        "watch",
        "fieldSelector",
        "labelSelector",
        "limit",
        "continue",
        "resourceVersion",
        "resourceVersionMatch",
        "allowWatchBookmarks",
        "timeoutSeconds",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What is asked for. `version` and `limit` are None, `proceed` and `match` empty where nothing was said."""

    watch: bool
    bookmarks: bool
    selected: Predicate
    version: int | None
    match: str
    limit: int | None
    proceed: str
    timeout_seconds: int | None


def query_of(parameters: MultiMapping[str], namespace: str) -> Query:
    """Raises Refused. The real server passes over parameters that it does not know: they are mistakes all the same."""
    for name in parameters:
        if name not in KNOWN:
            raise bad_request(f"unknown query parameter {name!r}")
        if len(parameters.getall(name)) > 1:
            raise bad_request(f"query parameter {name!r} is given twice")
    fields, labels = parameters.get("fieldSelector", ""), parameters.get("labelSelector", "")
    try:
        by_field, by_label = field_selector(fields), label_selector(labels)
    except ValueError as error:
        raise bad_request(str(error)) from None
    query = Query(
        watch=_flag(parameters.get("watch", "")),
        bookmarks=_flag(parameters.get("allowWatchBookmarks", "")),
        selected=lambda pod: (
            (not namespace or pod["metadata"]["namespace"] == namespace) and by_field(pod) and by_label(pod)
        ),
        version=_number(parameters.get("resourceVersion", "")),
        match=parameters.get("resourceVersionMatch", ""),
        limit=_number(parameters.get("limit", "")),
        proceed=parameters.get("continue", ""),
        timeout_seconds=_number(parameters.get("timeoutSeconds", "")),
    )
    _validate(query)
    return query


def _validate(query: Query) -> None:
    """As k8s.io/apimachinery validates ListOptions."""
    match = "resourceVersionMatch"
    if query.match:
        if query.watch:
            raise invalid(match, f"Forbidden: {match} is forbidden for watch unless sendInitialEvents is provided")
        if query.version is None:
            raise invalid(match, f"Forbidden: {match} is forbidden unless resourceVersion is provided")
        if query.proceed:
            raise invalid(match, f"Forbidden: {match} is forbidden when continue is provided")
        if query.match not in ("Exact", "NotOlderThan"):
            raise invalid(match, f'Unsupported value: "{query.match}": supported values: "Exact", "NotOlderThan", ""')
        if query.match == "Exact" and query.version == 0:
            raise invalid(match, f'Forbidden: {match} "exact" is forbidden for resourceVersion "0"')
    if query.proceed and query.version:
        raise bad_request("specifying resource version is not allowed when using continue")
    if query.watch and (query.limit is not None or query.proceed):
        raise bad_request("limit and continue mean nothing to a watch")
    if not query.watch and query.bookmarks:
        raise bad_request("allowWatchBookmarks means nothing to a list")


def _flag(text: str) -> bool:
    if text not in ("", "true", "false", "1", "0"):
        raise bad_request(f"{text!r} is neither true nor false")
    return text in ("true", "1")


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)
