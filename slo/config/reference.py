"""The reference of the configuration, docs/config.md, written from its JSON Schema."""

import json
from collections.abc import Iterator, Sequence

from pydantic.json_schema import JsonSchemaValue

from slo.config.json_schema import REFERENCE, TO_VARIABLE
from slo.config.pattern import RE2_FORMAT
from slo.config.section import FILE_SUFFIX
from slo.core.duration import duration_name
from slo.core.policy import POLICIES, Pair

_INTRODUCTION = """\
# Configuration

<!-- Written by `watchkeep schema --markdown`; edit the texts under the fields instead. -->

`watchkeep check -c PATH` reads PATH, a file or a folder, and prints every fault with its place and what to write
instead. Of a folder it takes all `*.yaml` and `*.yml` in order of name: lists follow one another, everything else may
be set in one file only. The README shows the smallest whole configuration; `watchkeep schema` prints a JSON Schema for
editors.

How values are written:

- **Durations** as Prometheus writes them: `500ms`, `30s`, `5m`, `1h30m`, `30d`.
- **Shares** as `99.9%` or `0.999`. A bare `99.9` is refused, since it may mean either.
- **Sizes** as `512KB`, `100MB`, `2GB` (powers of 1000) or `2GiB` (powers of 1024).
- **Regular expressions** in the syntax of RE2, best in single quotes; they match anywhere in the text.
- **Variables**: `${VAR}` and `${VAR:-default}` are put into values, not into keys; `$$` is a dollar. A variable that is
  not set is a fault. Inside `[ ]` and `{ }` quote the value: `"${VAR}"`.
- **Secrets**: every key that holds one has a twin whose name ends in `_file`, with the path of a file to read it from,
  relative to the folder of the configuration.
- **Names** are up to 100 letters, digits, dots, dashes and underscores.

What YAML 1.1 and 1.2 read differently (`no`, `012`, `1:30`) is refused with the spelling that is clear.
"""


_WITH_TYPES = (
    ("probes", "probe"),
    ("collectors", "collector"),
    ("destinations", "destination"),
    ("forwarders", "forwarder"),
)
"""The lists whose entries have types, and what an entry of each is called."""


def reference(schema: JsonSchemaValue) -> str:
    """The reference in Markdown, for a schema as `slo.config.json_schema` makes it."""
    sections = _Sections(schema["$defs"])
    properties = schema["properties"]
    parts = [_INTRODUCTION, "## The top level", sections.table(schema)]
    for key, what in _WITH_TYPES:
        parts += [f"## `{key}`", f"{properties[key]['description']} The keys of an entry are those of its `type`."]
        for entry in properties[key]["items"]["allOf"]:
            kind = entry["if"]["properties"]["type"]["const"]
            definition = sections.resolved(entry["then"])
            parts += [
                f"### {what.capitalize()} of type `{kind}`",
                definition["description"],
                *sections.tables(definition),
            ]
    parts += [
        "## `targets` and `targets_from` of a probe, a collector or a scrape",
        _TARGETS,
        sections.table(schema["$defs"]["target"]),
    ]
    for entry in schema["$defs"]["discovery"]["allOf"]:
        definition = sections.resolved(entry["then"])
        parts += [f"### Discovery of type `{entry['if']['properties']['type']['const']}`", definition["description"]]
        parts += sections.tables(definition)
    for key in (
        "guard",
        "scrapes",
        "servers",
        "slos",
        "exclusions",
        "customers",
        "silences",
        "inhibit",
        "routes",
        "agents",
        "spinnakers",
        "store",
    ):
        section = sections.within(properties[key])
        if section:
            parts += [f"## `{key}`", properties[key]["description"], *sections.tables(section)]
    parts += ["## Burn policies", _POLICIES, *_policies()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


class _Sections:
    """Tables of the keys of sections; `definitions` are what `$ref` leads to."""

    def __init__(self, definitions: dict[str, JsonSchemaValue]) -> None:
        self._definitions = definitions

    def resolved(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        """The schema itself, or what it refers to."""
        reference = schema.get("$ref", "")
        return self._definitions[reference.removeprefix(REFERENCE)] if reference else schema

    def within(self, schema: JsonSchemaValue) -> JsonSchemaValue | None:
        """The section that a key holds, or a list or a mapping of which it holds."""
        schema = self.resolved(schema)
        if "properties" in schema:
            return schema
        named = [each for each in schema.get("patternProperties", {}).values() if "$ref" in each]
        options = [*_options(schema), *named, *([schema["items"]] if "items" in schema else ())]
        return next((found for option in options if (found := self.within(option))), None)

    def tables(self, section: JsonSchemaValue, path: str = "", around: Sequence[JsonSchemaValue] = ()) -> Iterator[str]:
        """The table of a section, and those of the sections in it. One that holds itself is shown once."""
        yield self.table(section)
        for key, schema in section["properties"].items():
            inner = None if key in _ELSEWHERE else self.within(schema)
            if inner and inner not in (*around, section):
                yield f"`{path}{key}`: {schema.get('description') or inner['description']}"
                yield from self.tables(inner, f"{path}{key}.", (*around, section))

    def table(self, section: JsonSchemaValue) -> str:
        """The keys of a section, one a row."""
        rows = ["| key | written as | default | meaning |", "|---|---|---|---|"]
        properties = section["properties"]
        for key, schema in properties.items():
            if _is_twin(key, properties):
                continue
            default = _default(key, section)
            twin = f" or `{key}{FILE_SUFFIX}`" if _is_twin(key + FILE_SUFFIX, properties) else ""
            cells = (f"`{key}`{twin}", self._written(schema), default, schema.get("description", ""))
            rows.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(rows)

    def _written(self, schema: JsonSchemaValue) -> str:
        schema = self.resolved(schema)
        if "examples" in schema:
            return " or ".join(f"`{example}`" for example in schema["examples"])
        if _options(schema):
            options = [self._written(option) for option in _options(schema) if option != TO_VARIABLE]
            return " or ".join(dict.fromkeys(options))
        if "enum" in schema or "const" in schema:
            return ", ".join(dict.fromkeys(f"`{value}`" for value in schema.get("enum", [schema.get("const")])))
        kind = schema.get("type", "")
        if kind == "array":
            return f"list of {self._written(schema['items'])}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"mapping to {self._written(schema['additionalProperties'])}"
        if schema.get("writeOnly"):
            return "secret"
        if schema.get("format") == RE2_FORMAT:
            return "regular expression"
        return _WORDS.get(kind, "any value") if isinstance(kind, str) else "text"


_ELSEWHERE = ("targets", "targets_from")
"""Keys whose sections are shown once for all probes."""


def _default(key: str, section: JsonSchemaValue) -> str:
    """What a key is where it is not written, or that it has to be."""
    schema = section["properties"][key]
    if key in _required(section):
        return "required"
    if key not in _ELSEWHERE and {"required": [key]} in section.get("anyOf", ()):
        return "required, or `targets`"
    default = json.dumps(schema["default"], ensure_ascii=False).strip('"') if "default" in schema else ""
    return f"`{default}`" if default else ""


def _options(schema: JsonSchemaValue) -> Sequence[JsonSchemaValue]:
    """What a value may be, one or another."""
    return schema.get("anyOf") or schema.get("oneOf") or ()


def _is_twin(key: str, properties: JsonSchemaValue) -> bool:
    """Whether a key is the `_file` twin of a secret beside it."""
    secret = (
        properties.get(key.removesuffix(FILE_SUFFIX), {}) if key.endswith(FILE_SUFFIX) and key in properties else {}
    )
    return any(option.get("writeOnly") for option in (secret, *secret.get("anyOf", ())))


def _required(section: JsonSchemaValue) -> set[str]:
    """The keys that must be there, themselves or as their twins."""
    either = [rule["oneOf"][0]["required"][0] for rule in section.get("allOf", ()) if "oneOf" in rule]
    return {*section.get("required", ()), *either}


_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
}

_TARGETS = """\
Many targets for one probe: docs/targets.md. A target is a text, or a mapping with it under the key that the probe's
type has for it, with these keys and any of the type's, which stand in the place of the probe's own. Of a collector and
of a scrape it is the same.
"""

_POLICIES = """\
A pair fires while both its windows burn faster than its factor, budget share x SLO window / long window. A named
policy is taken as it stands, so its factors follow the SLO's window. Without `burn_policy` google-30d is scaled: an SLO
over 28 to 31 days takes its windows as they are; for others they shrink and grow in proportion, and the factors stay.
What shrinks stops at two slots and three intervals of the probe, the long window at twice that, and a pair that would
then fire below a burn rate of 1 is left out.

Refused are pairs that can never fire, since no burn rate exceeds 1 / (1 - objective); windows shorter than two slots or
three intervals of the probe; a short window not shorter than the long one; and a long one longer than the SLO's own.
"""


def _policies() -> Iterator[str]:
    for name, pairs in sorted(POLICIES.items()):
        rows = ["| long | short | budget | severity | for |", "|---|---|---|---|---|"]
        yield f"`{name}`"
        yield "\n".join(rows + [_row(pair) for pair in pairs])


def _row(pair: Pair) -> str:
    long, short, hold = (duration_name(span.total_seconds()) for span in (pair.long, pair.short, pair.hold))
    return f"| {long} | {short} | {float(100 * pair.budget):.4g}% | {pair.severity} | {hold} |"
