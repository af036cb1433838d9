"""The prober `dns`, done by our kind `dns`."""

from typing import Literal

from pydantic import Field, model_validator

from slo.config.dns_names import RecordClass, RecordType, ResponseCode
from slo.config.types import Pattern, wrong
from slo.interop.blackbox.section import BlackboxSection, SourceOptions, TLSOptions

KIND = "dns"
PLACEHOLDER = "localhost"


class RecordOptions(BlackboxSection):
    """`validate_answer_rrs` and its like.

    What `fail_if_all_match_regexp` does is not what its name says, in all versions of the exporter: the probe fails
    where not all records match.
    """

    fail_if_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_all_match_regexp: tuple[Pattern, ...] = ()
    fail_if_not_matches_regexp: tuple[Pattern, ...] = ()
    fail_if_none_matches_regexp: tuple[Pattern, ...] = ()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind."""
        return {
            "none": self.fail_if_matches_regexp,
            "all_if_any": self.fail_if_all_match_regexp,
            "all": self.fail_if_not_matches_regexp,
            "any": self.fail_if_none_matches_regexp,
        }


class Options(SourceOptions):
    """What stands under `dns`."""

    dns_over_tls: bool = False
    tls_config: TLSOptions = TLSOptions()
    transport_protocol: Literal["udp", "tcp"] = "udp"
    query_class: RecordClass = "IN"
    query_name: str
    query_type: RecordType = "ANY"
    recursion_desired: bool = True
    valid_rcodes: tuple[ResponseCode, ...] = Field(default=("NOERROR",), min_length=1)
    validate_answer_rrs: RecordOptions = RecordOptions()
    validate_authority_rrs: RecordOptions = RecordOptions()
    validate_additional_rrs: RecordOptions = RecordOptions()

    @model_validator(mode="after")
    def _tls_over_tcp(self) -> "Options":
        if self.dns_over_tls and self.transport_protocol != "tcp":
            raise wrong("has dns_over_tls over UDP", "add transport_protocol: tcp")
        return self

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        return {
            **self.way_keys,
            "question": {"name": self.query_name, "type": self.query_type, "class": self.query_class},
            "transport": "tls" if self.dns_over_tls else self.transport_protocol,
            "recursion_desired": self.recursion_desired,
            "tls": self.tls_config,
            "expect": {
                "rcodes": self.valid_rcodes,
                "answer": self.validate_answer_rrs.keys,
                "authority": self.validate_authority_rrs.keys,
                "additional": self.validate_additional_rrs.keys,
            },
        }


def target_of(target: str) -> str:
    """The server as it is: HOST, or HOST:PORT."""
    return target
