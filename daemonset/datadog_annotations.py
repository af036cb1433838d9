"""Pods that ask to be looked at by Datadog's annotations: `ad.datadoghq.com/CONTAINER.checks`, and its older form.

Formats: https://docs.datadoghq.com/containers/kubernetes/integrations/ (annotations v2 and v1),
https://docs.datadoghq.com/containers/guide/template_variables/
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

from daemonset.annotations import LONGEST_PATH, SCHEMES, Asked, Asking, resource
from daemonset.ports import declared_by, port_in
from slo.core.pod import Pod
from slo.errors import Fault

PREFIX = "ad.datadoghq.com/"

LONGEST = 32_768
"""How many characters of an annotation are read."""

MOST_INSTANCES = 32
"""How many instances of one check a container may ask for."""

Instance: TypeAlias = Mapping[str, Any]

_HOST_KEYS = ("host", "server")
_URL_KEYS = ("openmetrics_endpoint", "prometheus_url", "url")
_URL_SUFFIX = "_url"
"""What checks of Datadog's call whom they ask: a host beside a `port`, or a URL, as `nginx_status_url`."""

_HOST = re.compile(r"%%host(?:_[^%]*)?%%")
_PORT = re.compile(r"%%port(?:_([^%]+))?%%")


def asked_of_datadog(pod: Pod, check: str) -> Asking:
    """What each container asks of one check, by the name that this has at Datadog, as `redisdb`.

    Whatever names another host than the pod is a fault `other_host`; every other key of an instance is left alone.
    """
    for container in pod.containers:
        try:
            instances = _instances(pod.annotations, f"{PREFIX}{container.name}.", check)
        except (ValueError, RecursionError):
            yield Fault("annotation", detail=f"its annotations for the container {container.name} are not as Datadog's")
            continue
        if len(instances) > MOST_INSTANCES:
            detail = f"its container {container.name} asks for {len(instances)} of {check}, more than {MOST_INSTANCES}"
            yield Fault("annotation", detail=detail)
        for instance in instances[:MOST_INSTANCES]:
            try:
                yield _asked(pod, container.name, instance)
            except Fault as fault:
                yield fault
            except ValueError:
                detail = f"its container {container.name} asks for a {check} whose port or URL is none"
                yield Fault("annotation", detail=detail)


def _instances(annotations: Mapping[str, str], prefix: str, check: str) -> Sequence[Instance]:
    """The instances of a check that the annotations of a container have. Raises ValueError, RecursionError."""
    if (newer := annotations.get(f"{prefix}checks")) is not None:
        checks = _read(newer, dict)
        asked = [config for name, config in checks.items() if (_mapping(config).get("name") or name) == check]
        return [each for config in asked for each in map(_mapping, _list(config.get("instances")))]
    if (names := annotations.get(f"{prefix}check_names")) is None:
        return ()
    each_of = _read(annotations.get(f"{prefix}instances", ""), list)
    named = _read(names, list)
    if len(named) != len(each_of):
        raise ValueError("names and instances do not go together")
    found = [instances for name, instances in zip(named, each_of, strict=True) if name == check]
    return [_mapping(each) for some in found for each in (some if isinstance(some, list) else [some])]


def _asked(pod: Pod, container: str, instance: Instance) -> Asked:
    """What an instance asks for. Raises Fault, and ValueError where it cannot be understood."""
    hosts = [_text(instance[key]) for key in _HOST_KEYS if key in instance]
    port = _port(pod, container, _text(instance["port"])) if "port" in instance else None
    urls = [_text(instance[key]) for key in _URL_KEYS if key in instance]
    urls += [host for host in hosts if "://" in host]
    for host in set(hosts) - set(urls):
        _refuse_strangers(pod, host)
    if not hosts and not urls:
        urls = [_text(instance[key]) for key in sorted(instance) if key.endswith(_URL_SUFFIX)]
    if not urls:
        return Asked(port=port, container=container)
    parts = _split(pod, container, urls[0])
    _refuse_strangers(pod, parts.hostname or "")
    if parts.scheme and parts.scheme not in SCHEMES:
        raise ValueError("no scheme of HTTP")
    if max(len(parts.path), len(parts.query)) > LONGEST_PATH:
        raise ValueError("a path that is too long")
    if not parts.scheme:  # the `url` of memcached is a host
        return Asked(port=port or parts.port, container=container)
    return Asked(
        port=parts.port or port or (443 if parts.scheme == "https" else 80),
        container=container,
        scheme=parts.scheme,
        resource=resource(parts.path, parts.query),
    )


def _split(pod: Pod, container: str, url: str) -> SplitResult:
    """The parts of a URL with what its variables stand for. Raises Fault, ValueError."""
    host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
    filled = _PORT.sub(lambda match: str(_port(pod, container, match[0])), _HOST.sub(host, url))
    parts = urlsplit(filled if "://" in filled else f"//{filled}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials")
    return parts


def _port(pod: Pod, container: str, text: str) -> int | str:
    """The port that a text means, in which a variable may stand. Raises ValueError."""
    variable = _PORT.fullmatch(text)
    if variable is None:
        port = port_in(text)
        if not isinstance(port, int):
            raise ValueError("no port")
        return port
    numbers = sorted({port.number for port, _ in declared_by(pod, container)})
    which = variable[1]
    if which is None or which.isdigit():
        if not numbers:
            raise Fault("no_port", detail=f"its container {container} declares no port that {text} could mean")
        return numbers[-1] if which is None else _at(numbers, which)
    return next((each.number for each, port in declared_by(pod, container) if port.name == which), which)


def _at(numbers: Sequence[int], place: str) -> int:
    if len(place) > 3 or int(place) >= len(numbers):
        raise ValueError("no such port")
    return numbers[int(place)]


def _refuse_strangers(pod: Pod, host: str) -> None:
    """Raise Fault for another host than the pod."""
    if not _HOST.fullmatch(host) and host.strip("[]") not in {pod.ip, *pod.ips}:
        raise Fault("other_host", detail=f"its annotations name the host {host[:60]!r}, which is not the pod")


def _read(text: str, kind: type[Any]) -> Any:
    """What an annotation says. Raises ValueError, RecursionError."""
    value = json.loads(text) if len(text) <= LONGEST else None
    if not isinstance(value, kind):
        raise ValueError("not of its kind")
    return value


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no mapping")
    return value


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _text(value: object) -> str:
    """A value as a text; numbers are written with quotes and without."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("no text")
    return str(value)
