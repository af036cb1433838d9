"""Pods that ask to be looked at: what their annotations say of where in the pod, and nothing else of them.

Who writes a pod is not trusted. Of an annotation only a port, a scheme and a path are taken; the address is that of the
pod, and who logs in with what is said by the configuration alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from daemonset.ports import port_in
from slo.core.pod import Pod
from slo.errors import Fault

LONGEST_PATH = 1024
"""How many characters of a path or a query are taken."""

SCHEMES = ("http", "https")

_SAFE = "/:@!$&'()*+,;=~%"
"""What may stand in a path as it is; a percent sign belongs to an escape that is there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a pod asks for.

    `port` is a number or a name, None for the only one that there is; it is one of `container`, where that is named.
    Over HTTP the pod may say a `scheme` and a `resource`, which is a path with its query.
    """

    port: int | str | None = None
    container: str = ""
    scheme: str = ""
    resource: str = ""


Asking: TypeAlias = Iterator[Asked | Fault]
"""What a pod asks for, and the faults of annotations that cannot be understood."""


def asked_of_prometheus(pod: Pod) -> Asking:
    """`prometheus.io/scrape: "true"` with `port`, `path` and `scheme`, as the usual relabelling of Prometheus reads
    them: a scheme that is none is passed over.
    """
    about = _Annotations(pod.annotations, "prometheus.io/")
    if about.text("scrape") == "true":
        yield _asked(about, ("",), Asked(scheme="http", resource="/metrics"))


def asked_of_watchkeep(pod: Pod, check: str) -> Asking:
    """`watchkeep/checks` with the names of checks; `port`, `path` and `scheme` are of all of these, `NAME.port` and so
    on of one.
    """
    about = _Annotations(pod.annotations, "watchkeep/")
    if check in [name.strip() for name in about.text("checks").split(",")]:
        yield _asked(about, (f"{check}.", ""), Asked())


class _Annotations:
    """The annotations with a prefix."""

    def __init__(self, annotations: Mapping[str, str], prefix: str) -> None:
        self._annotations = annotations
        self._prefix = prefix

    def text(self, *keys: str) -> str:
        """What the first of these keys that is there says; empty without any."""
        found = (self._annotations.get(self._prefix + key) for key in keys)
        return next((text for text in found if text is not None), "")


def _asked(about: _Annotations, before: tuple[str, ...], usual: Asked) -> Asked | Fault:
    """What the keys `port`, `path` and `scheme` say, each with one of these in front of it."""

    def said(key: str) -> str:
        return about.text(*(prefix + key for prefix in before))

    written, path, scheme = said("port"), said("path"), said("scheme")
    port = port_in(written)
    if written and port is None:
        return Fault("annotation", detail=f"its annotation for the port says {written[:40]!r}, which is none")
    if len(path) > LONGEST_PATH:
        return Fault("annotation", detail=f"its annotation for the path is longer than {LONGEST_PATH} characters")
    return Asked(
        port=port,
        scheme=scheme if scheme in SCHEMES else usual.scheme,
        resource=resource(path) if path else usual.resource,
    )


def resource(path: str, query: str = "") -> str:
    """A path of an annotation as it stands in a URL behind the host, which it cannot change."""
    quoted = quote(path.removeprefix("/"), safe=_SAFE, errors="replace")
    return f"/{quoted}" + (f"?{quote(query, safe=_SAFE + '?', errors='replace')}" if query else "")
