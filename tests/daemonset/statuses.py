"""The documents in which the API server says no."""

from typing import Any

from aiohttp import web

USER = "system:serviceaccount:watchkeep:agent"
ANONYMOUS = "system:anonymous"


class Refused(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str, *, retry_after: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        if retry_after is not None:
            details["retryAfterSeconds"] = retry_after
        self.document: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": {key: value for key, value in details.items() if value}} if details else {}),
            "code": code,
        }

    @property
    def response(self) -> web.Response:
        """The answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return web.json_response(self.document, status=self.code, headers=headers)


def unauthorized() -> Refused:
    return Refused(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, resource: str, namespace: str = "", name: str = "", *, group: str = "") -> Refused:
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    subject = f'{resource} "{name}"' if name else resource
    subject = f"{resource}.{group}{subject.removeprefix(resource)}" if group else subject
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {scope}'
    )
    return Refused(403, "Forbidden", message, name=name, kind=resource)


def forbidden_path(user: str, verb: str, path: str) -> Refused:
    return Refused(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"')


def bad_request(message: str) -> Refused:
    return Refused(400, "BadRequest", message)


def unsupported_media_type() -> Refused:
    return Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")


def invalid(field: str, problem: str) -> Refused:
    return Refused(
        422,
        "Invalid",
        f'ListOptions.meta.k8s.io "" is invalid: {field}: {problem}',
        group="meta.k8s.io",
        kind="ListOptions",
        causes=[{"reason": "FieldValueForbidden", "message": problem, "field": field}],
    )


def not_found(group: str, resource: str, name: str) -> Refused:
    return Refused(404, "NotFound", f'{resource}.{group} "{name}" not found', name=name, group=group, kind=resource)


def already_exists(group: str, resource: str, name: str) -> Refused:
    message = f'{resource}.{group} "{name}" already exists'
    return Refused(409, "AlreadyExists", message, name=name, group=group, kind=resource)


def conflict(group: str, resource: str, name: str) -> Refused:
    message = f'Operation cannot be fulfilled on {resource}.{group} "{name}": the object has been modified'
    return Refused(409, "Conflict", message, name=name, group=group, kind=resource)


def invalid_object(group: str, kind: str, name: str, field: str, problem: str) -> Refused:
    message = f'{kind}.{group} "{name}" is invalid: {field}: Invalid value: {problem}'
    return Refused(422, "Invalid", message, name=name, group=group, kind=kind)


def expired(asked: int, oldest: int) -> Refused:
    return Refused(410, "Expired", f"too old resource version: {asked} ({oldest})")


def continue_expired() -> Refused:
    return Refused(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")


def too_new(asked: int, current: int) -> Refused:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return Refused(504, "Timeout", message, retry_after=1, causes=[cause])


def too_many_requests(retry_after: int) -> Refused:
    return Refused(429, "TooManyRequests", "the server is not ready for more requests", retry_after=retry_after)


def internal_error() -> Refused:
    return Refused(500, "InternalError", "Internal error occurred: etcdserver: request timed out")
