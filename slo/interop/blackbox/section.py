"""Sections of blackbox.yml, and what more of them than one prober has."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, get_args

from pydantic import BeforeValidator, field_validator, model_validator

from slo.config.hosts import Address
from slo.config.scalars import ScalarError, Unquoted
from slo.config.section import Section
from slo.config.tls import TLSSettings
from slo.config.types import wrong
from slo.net.resolve import IPProtocol


class BlackboxSection(Section):
    """A mapping of blackbox.yml, read as Go reads it.

    A key without a value, or with an empty text, is as good as missing. What stands where a text is wanted is one,
    also without quotes and where it looks like something else.
    """

    @model_validator(mode="before")
    @classmethod
    def _as_go_reads_it(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        fields = {field.alias or name: field.annotation for name, field in cls.model_fields.items()}
        return {
            key: _resolved(value) if _NO_TEXTS & _leaves(fields.get(key)) else value
            for key, value in data.items()
            if value is not None and value != ""
        }


_NO_TEXTS = frozenset({bool, int, timedelta})


def _leaves(annotation: object) -> set[object]:
    """The types that a value of this type is made of."""
    parts = get_args(annotation)
    return {leaf for part in parts for leaf in _leaves(part)} if parts else {annotation}


def _resolved(value: object) -> object:
    """A value that is no text, and neither is anything in it; what readers of YAML disagree about stays a text."""
    match value:
        case Unquoted():
            with contextlib.suppress(ScalarError):
                return value.resolved()
        case list():
            return [_resolved(each) for each in value]
    return value


class ProberOptions(BlackboxSection):
    """What stands under the name of a prober."""

    def other_keys(self, _target: str, _hostname: str) -> dict[str, object]:
        """The keys that are others for a target, and where it is asked under another name; none for most probers.

        Raises ValueError.
        """
        return {}


def _ip_protocol(value: object) -> object:
    """`ipv4` too: the exporter takes whatever is not ip6 for ip4, and this is how many write it."""
    return "ip4" if value == "ipv4" else value


class IPOptions(ProberOptions):
    """Which protocol is preferred; every prober has these."""

    preferred_ip_protocol: Annotated[IPProtocol, BeforeValidator(_ip_protocol)] = "ip6"
    ip_protocol_fallback: bool = True

    @property
    def ip_keys(self) -> dict[str, object]:
        """The same as keys of our kinds."""
        return {"ip_protocol": self.preferred_ip_protocol, "ip_protocol_fallback": self.ip_protocol_fallback}


_TLS_VERSIONS = {"TLS10": "1.0", "TLS11": "1.1", "TLS12": "1.2", "TLS13": "1.3"}


class SourceOptions(IPOptions):
    """Where the target is asked from."""

    source_ip_address: Address | None = None

    @property
    def way_keys(self) -> dict[str, object]:
        """The same as keys of our kinds."""
        return {**self.ip_keys, "source_address": self.source_ip_address}


class TLSOptions(BlackboxSection, TLSSettings):
    """`tls_config`: the keys are ours too; versions are written in another way."""

    @field_validator("min_version", "max_version", mode="before")
    @classmethod
    def _version(cls, value: object) -> object:
        if value not in _TLS_VERSIONS:
            raise wrong("is no version of TLS", f"write one of {', '.join(_TLS_VERSIONS)}")
        return _TLS_VERSIONS[str(value)]
