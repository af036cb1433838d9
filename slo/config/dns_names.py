"""The names that DNS has for types and classes of records, and for what a response says."""

from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from slo.config.wrong import shown, wrong


def _canonical(value: object, what: str, mend: str, of: Callable[[str], str]) -> str:
    from dns.exception import DNSException

    try:
        return of(str(value))
    except (DNSException, ValueError):
        raise wrong(f"{shown(value)} is no {what}", mend) from None


def _record_type(value: object) -> str:
    from dns import rdatatype

    mend = "write it as A, MX or TYPE65280"
    return _canonical(value, "type of records", mend, lambda text: rdatatype.to_text(rdatatype.from_text(text)))


def _record_class(value: object) -> str:
    from dns import rdataclass

    mend = "write IN, CH or HS"
    return _canonical(value, "class of records", mend, lambda text: rdataclass.to_text(rdataclass.from_text(text)))


def _response_code(value: object) -> str:
    from dns import rcode

    mend = "write it as NOERROR or NXDOMAIN"
    return _canonical(value, "response code", mend, lambda text: rcode.to_text(rcode.from_text(text)))


RecordType = Annotated[str, BeforeValidator(_record_type), WithJsonSchema({"type": "string"})]
RecordClass = Annotated[str, BeforeValidator(_record_class), WithJsonSchema({"type": "string"})]
ResponseCode = Annotated[str, BeforeValidator(_response_code), WithJsonSchema({"type": "string"})]
