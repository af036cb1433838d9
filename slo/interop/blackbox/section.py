"""Sections of blackbox.yml, and what more of them than one prober has."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, field_validator, model_validator

from slo.config.hosts import Address
from slo.config.section import Section
from slo.config.tls import TLSSettings
from slo.config.types import Pattern, wrong
from slo.net.resolve import IPProtocol


class BlackboxSection(Section):
    """A mapping of blackbox.yml. A key without a value, or with an empty text, is as good as missing, as in Go."""

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, data: object) -> object:
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None and value != ""}
        return data


class ProberOptions(BlackboxSection):
    """What stands under the name of a prober."""

    def other_keys(self, _target: str, _hostname: str) -> dict[str, object]:
        """The keys that are others for a target, and where it is asked under another name; none for most probers.

        Raises ValueError.
        """
        return {}


def as_text(value: object) -> object:
    """A whole number where a text is wanted: Go's decoder takes what is written, without quotes too."""
    return str(value) if type(value) is int else value


Expression = Annotated[Pattern, BeforeValidator(as_text)]
"""A regular expression."""


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
