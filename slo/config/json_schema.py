"""The JSON Schema of the configuration, for editors: its sections, with the kinds merged in by their type."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from slo.config.aimed import OneTarget
from slo.config.entries import Family
from slo.config.load import Kinds
from slo.config.module_target import BY_MODULE, ProbeFamily
from slo.config.pattern import Pattern
from slo.config.schema import (
    AgentsKeys,
    CheckKeys,
    CollectorKeys,
    DestinationKeys,
    EntryKeys,
    ForwarderKeys,
    ProbeKeys,
    Root,
    ScrapeKeys,
    ServerKeys,
)
from slo.config.section import KindConfig, Section
from slo.config.spinnaker_keys import SpinnakerKeys
from slo.config.target_keys import DiscoveryKeys, ScrapeTargetKeys, TargetKeys
from slo.config.types import SIZE_FORMAT, size_name
from slo.core.contract import BusinessDays
from slo.core.duration import duration_name

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE: JsonSchemaValue = {"type": "string", "pattern": r"\$\{", "description": "Put in from the environment."}

REFERENCE = "#/$defs/"
TO_VARIABLE = {"$ref": f"{REFERENCE}variable"}
_LISTS = ("anyOf", "oneOf", "allOf")
_REMARKS = ("description", "default", "examples", "writeOnly")


def json_schema(kinds: Kinds) -> JsonSchemaValue:
    """The schema of a whole configuration with these kinds. Where a scalar stands, a `${VARIABLE}` may stand."""
    definitions: dict[str, JsonSchemaValue] = {}
    root = _described(Root, "", definitions)
    for key, what, common, family in (
        ("probes", "probe", ProbeKeys, ProbeFamily(kinds.probes)),
        ("collectors", "collector", CollectorKeys, kinds.collectors),
        ("destinations", "destination", DestinationKeys, kinds.destinations),
        ("forwarders", "forwarder", ForwarderKeys, kinds.forwarders),
    ):
        root["properties"][key]["items"] = _entries(what, common, family, definitions)
    definitions["target"] = _described(TargetKeys, "", definitions)
    definitions["discovery"] = _entries("discovery", DiscoveryKeys, kinds.discoveries, definitions)
    root["properties"]["scrapes"]["items"] = {"$ref": f"{REFERENCE}scrape"}
    scrape = kinds.scrape_config()
    own = _described(scrape, "scrape.", definitions)
    definitions["scrape"] = _both(_described(ScrapeKeys, "", definitions), own)
    _with_targets(definitions["scrape"], own, scrape, "scrape.target", definitions, keys=ScrapeTargetKeys)
    # As a part of the root it would come without the twins of its secrets: pydantic passes over what adds them.
    root["properties"]["servers"]["items"] = _described(ServerKeys, "", definitions)
    root["properties"]["agents"] = _described(AgentsKeys, "", definitions)
    root["properties"]["spinnakers"]["items"] = _described(SpinnakerKeys, "", definitions)
    definitions["variable"] = VARIABLE
    return {"$schema": DIALECT, "title": "Watchkeep", **root, "$defs": dict(sorted(definitions.items()))}


class _Generator(GenerateJsonSchema):
    """Writes defaults as a person would write them in the configuration."""

    def encode_default(self, dft: Any) -> Any:
        match dft:
            case timedelta():
                return duration_name(dft.total_seconds())
            case Fraction():
                return f"{float(dft * 100):g}%"
            case Pattern():
                return dft.text
            case BusinessDays():
                return str(dft)
            case BaseModel():
                return {}
        return super().encode_default(dft)


def _described(model: type[Section], prefix: str, definitions: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    """The schema of a section; what it refers to goes into `definitions`, under names that begin with `prefix`."""
    schema = model.model_json_schema(schema_generator=_Generator, ref_template=f"{REFERENCE}{prefix}{{model}}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[f"{prefix}{name}"] = _plain(definition)
    return _plain(schema)


def _entries(
    what: str, common: type[EntryKeys | DiscoveryKeys], family: Family, definitions: dict[str, JsonSchemaValue]
) -> JsonSchemaValue:
    """The schema of one entry: which one it is follows from its `type`."""
    names = sorted(family.names)
    shared = _described(common, "", definitions)
    for name in names:
        config = family.config(name)
        own = _described(config, f"{what}.{name}.", definitions)
        definitions[f"{what}.{name}"] = entry = _merged(shared, own, name)
        if issubclass(common, CheckKeys):
            _with_targets(entry, own, config, f"{what}.{name}.target", definitions)
    by_module = BY_MODULE in names
    if by_module:
        definitions[f"{what}.{BY_MODULE}"]["required"].remove("type")
    return {
        "type": "object",
        **(_TYPE_OR_MODULE if by_module else {"required": shared["required"]}),
        "properties": {"type": _with_variable({"enum": names, "description": _type_of(shared)["description"]})},
        "allOf": [
            {
                "if": {
                    "properties": {"type": {"const": name}},
                    **({"required": ["type"]} if name != BY_MODULE else {"required": [BY_MODULE]}),
                },
                "then": {"$ref": f"{REFERENCE}{what}.{name}"},
            }
            for name in names
        ],
    }


def _with_targets(
    entry: JsonSchemaValue,
    own: JsonSchemaValue,
    config: type[KindConfig],
    name: str,
    definitions: dict[str, JsonSchemaValue],
    *,
    keys: type[TargetKeys] = TargetKeys,
) -> None:
    """Has an entry take one target or many, each a text or a mapping with the keys that are others for it."""
    if not issubclass(config, OneTarget):
        del entry["properties"]["targets"], entry["properties"]["targets_from"]
        return
    key = config.target_key
    common = _described(keys, "", definitions)
    definitions[name] = own | {"properties": common["properties"] | own["properties"], "required": [key]}
    targets, found = (dict(entry["properties"][many]) for many in ("targets", "targets_from"))
    entry["properties"]["targets"] = targets | {"items": {"anyOf": [{"type": "string"}, {"$ref": REFERENCE + name}]}}
    entry["properties"]["targets_from"] = found | {"items": {"$ref": f"{REFERENCE}discovery"}}
    entry["required"].remove(key)
    entry["anyOf"] = [{"required": [each]} for each in (key, "targets", "targets_from")]


_TYPE_OR_MODULE: JsonSchemaValue = {
    "required": ["name"],
    "if": {"not": {"required": [BY_MODULE]}},
    "then": {"required": ["type"]},
}


def _merged(common: JsonSchemaValue, own: JsonSchemaValue, name: str) -> JsonSchemaValue:
    """The keys that every entry has, and those of a kind."""
    of_type = {"type": {"const": name, "description": _type_of(common)["description"]}}
    return _both(common | {"properties": common["properties"] | of_type}, own)


def _type_of(common: JsonSchemaValue) -> JsonSchemaValue:
    found: JsonSchemaValue = common["properties"]["type"]
    return found


def _both(common: JsonSchemaValue, own: JsonSchemaValue) -> JsonSchemaValue:
    return own | {
        "properties": common["properties"] | own.get("properties", {}),
        "required": [*common.get("required", []), *own.get("required", [])],
    }


def _plain(node: JsonSchemaValue) -> JsonSchemaValue:
    """A schema without titles and nulls, defaults of sizes as people write them, and variables wherever a scalar is."""
    schema = {key: value for key, value in node.items() if key != "title"}
    if schema.get("default", ...) is None:
        del schema["default"]
    for key in ("properties", "patternProperties"):
        if key in schema:
            schema[key] = {name: _plain(value) for name, value in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _plain(schema[key])
    for key in _LISTS:
        if key in schema:
            schema[key] = [option for option in map(_plain, schema[key]) if option != {"type": "null"}]
    if schema.get("format") == SIZE_FORMAT and isinstance(schema.get("default"), int):
        schema["default"] = size_name(schema["default"])
    if len(schema.get("anyOf", [])) == 1:
        schema = schema.pop("anyOf")[0] | schema
    return _with_variable(schema)


def _with_variable(schema: JsonSchemaValue) -> JsonSchemaValue:
    options = [option for option in _options(schema) if option != TO_VARIABLE]
    if not any(_is_narrow(option) for option in options):
        return schema
    remarks = {key: value for key, value in schema.items() if key in _REMARKS}
    bare = [{key: value for key, value in option.items() if key not in remarks} for option in options]
    return remarks | {"anyOf": [*bare, TO_VARIABLE]}


def _options(schema: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    if "anyOf" not in schema:
        yield schema
    for option in schema.get("anyOf", []):
        yield from _options(option)


def _is_narrow(schema: JsonSchemaValue) -> bool:
    """Whether it is a scalar that a variable's spelling would not pass as."""
    if "enum" in schema or "const" in schema:
        return True
    types = schema.get("type", [])
    types = {types} if isinstance(types, str) else set(types)
    numeric = bool(types & {"integer", "number", "boolean"})
    return (numeric and "string" not in types) or ("string" in types and "pattern" in schema)
