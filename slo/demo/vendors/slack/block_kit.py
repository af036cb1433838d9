"""The rules of Slack's Block Kit, as far as messages and modals of ours go: what it takes, and what it says otherwise.

Sources: https://docs.slack.dev/reference/block-kit and /reference/views/modal-views; the wording of the faults is that
of answers of the real API. The limit of a message as a whole is not documented: it is what people met.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

BLOCKS_LIMIT = 50
BLOCKS_SIZE_LIMIT = 13_000
"""The longest JSON of all blocks of a message, in characters."""

VIEW_BLOCKS_LIMIT = 100
PRIVATE_METADATA_LIMIT = 3000
TEXT_LIMIT = 3000

Check = Callable[[Any, str], Iterator[str]]
"""Says what is wrong with a value at a JSON pointer."""


def faults_of_blocks(blocks: object, *, limit: int = BLOCKS_LIMIT, inputs: bool = False) -> list[str]:
    """What Slack would say of the blocks of a message, or of a view where there are `inputs`; nothing for good ones."""
    if not isinstance(blocks, list):
        return [_says("must be provided as an array", "/blocks")]
    if len(blocks) > limit:
        return [_says(f"no more than {limit} items allowed", "/blocks")]
    kinds = {**_BLOCKS, **_INPUTS} if inputs else _BLOCKS
    faults = [fault for number, block in enumerate(blocks) for fault in _one_of(kinds, block, f"/blocks/{number}")]
    named = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    if len(set(named)) < len(named):
        faults.append(_says("block_id already exists", "/blocks"))
    return faults


def blocks_too_long(blocks: Sequence[object]) -> bool:
    """Whether a message has more in its blocks than Slack takes."""
    return len(json.dumps(blocks, ensure_ascii=False)) > BLOCKS_SIZE_LIMIT


def faults_of_view(view: object) -> list[str]:
    """What Slack would say of a modal."""
    if not isinstance(view, dict):
        return [_says("must be an object", "/view")]
    faults = [*_object(_VIEW, _VIEW_REQUIRED, view, "/view")]
    blocks = view.get("blocks")
    faults += [
        fault.replace("[json-pointer:/blocks", "[json-pointer:/view/blocks")
        for fault in faults_of_blocks(blocks, limit=VIEW_BLOCKS_LIMIT, inputs=True)
    ]
    asks = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if asks and "submit" not in view:
        faults.append(_says("submit is required when an input is in the blocks", "/view"))
    return faults


def _says(problem: str, pointer: str) -> str:
    return f"{problem} [json-pointer:{pointer}]"


def _text(limit: int, *, least: int = 0) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield _says("must be a string", pointer)
        elif len(value) > limit:
            yield _says(f"must be less than {limit + 1} characters", pointer)
        elif len(value) < least:
            yield _says(f"must be more than {least - 1} characters", pointer)

    return check


def _choice(*values: object) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if value not in values:
            yield _says(f"must be one of {', '.join(map(str, values))}", pointer)

    return check


def _flag(value: Any, pointer: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield _says("must be a boolean", pointer)


def _number(value: Any, pointer: str) -> Iterator[str]:
    if type(value) is not int:
        yield _says("must be an integer", pointer)


def _numeral(value: Any, pointer: str) -> Iterator[str]:
    if not (isinstance(value, str) and value.removeprefix("-").isdigit()):
        yield _says("must be a number in a string", pointer)


def _plain(limit: int) -> Check:
    return partial(
        _object,
        {"type": _choice("plain_text"), "text": _text(limit, least=1), "emoji": _flag},
        ("type", "text"),
    )


def _any_text(limit: int) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if isinstance(value, dict) and value.get("type") == "mrkdwn":
            fields: Mapping[str, Check] = {
                "type": _choice("mrkdwn"),
                "text": _text(limit, least=1),
                "verbatim": _flag,
            }
            yield from _object(fields, ("type", "text"), value, pointer)
        else:
            yield from _plain(limit)(value, pointer)

    return check


def _object(fields: Mapping[str, Check], required: Sequence[str], value: Any, pointer: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _says("must be an object", pointer)
        return
    for name in required:
        if name not in value:
            yield _says(f"missing required field: {name}", pointer)
    for name, item in value.items():
        if name not in fields:
            yield _says(f"invalid additional property: {name}", pointer)
        else:
            yield from fields[name](item, f"{pointer}/{name}")


def _list(item: Check, limit: int) -> Check:
    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _says("must be an array", pointer)
        elif not value:
            yield _says("no fewer than 1 items allowed", pointer)
        elif len(value) > limit:
            yield _says(f"no more than {limit} items allowed", pointer)
        else:
            for number, each in enumerate(value):
                yield from item(each, f"{pointer}/{number}")

    return check


def _one_of(kinds: Mapping[str, tuple[Mapping[str, Check], Sequence[str]]], value: Any, pointer: str) -> Iterator[str]:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        yield _says(f"unsupported type: {kind}", pointer)
        return
    fields, required = kinds[kind]
    yield from _object({"type": _choice(kind)} | dict(fields), ("type", *required), value, pointer)


def _distinct_elements(value: Any, pointer: str) -> Iterator[str]:
    yield from _list(partial(_one_of, _ELEMENTS), 25)(value, pointer)
    names = [each.get("action_id") for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    if len(set(names)) < len(names):
        yield _says("action_id already exists", pointer)


_ID = _text(255, least=1)
_OPTION = partial(_object, {"text": _any_text(75), "value": _text(150)}, ("text", "value"))
_ELEMENTS: Mapping[str, tuple[Mapping[str, Check], Sequence[str]]] = {
    "button": (
        {
            "text": _plain(75),
            "action_id": _ID,
            "url": _text(3000),
            "value": _text(2000),
            "style": _choice("primary", "danger"),
            "accessibility_label": _text(75),
        },
        ("text",),
    ),
    "static_select": (
        {
            "action_id": _ID,
            "options": _list(_OPTION, 100),
            "initial_option": _OPTION,
            "placeholder": _plain(150),
        },
        ("options",),
    ),
    "overflow": ({"action_id": _ID, "options": _list(_OPTION, 5)}, ("options",)),
}
_FORM_ELEMENTS: Mapping[str, tuple[Mapping[str, Check], Sequence[str]]] = {
    "static_select": _ELEMENTS["static_select"],
    "plain_text_input": (
        {
            "action_id": _ID,
            "multiline": _flag,
            "min_length": _number,
            "max_length": _number,
            "initial_value": _text(TEXT_LIMIT),
            "placeholder": _plain(150),
        },
        (),
    ),
    "number_input": (
        {
            "action_id": _ID,
            "is_decimal_allowed": _flag,
            "min_value": _numeral,
            "max_value": _numeral,
            "initial_value": _numeral,
            "placeholder": _plain(150),
        },
        ("is_decimal_allowed",),
    ),
    "datetimepicker": ({"action_id": _ID, "initial_date_time": _number}, ()),
}
_BLOCKS: Mapping[str, tuple[Mapping[str, Check], Sequence[str]]] = {
    "section": (
        {"block_id": _ID, "text": _any_text(TEXT_LIMIT), "fields": _list(_any_text(2000), 10), "expand": _flag},
        (),
    ),
    "header": ({"block_id": _ID, "text": _plain(150)}, ("text",)),
    "context": ({"block_id": _ID, "elements": _list(_any_text(TEXT_LIMIT), 10)}, ("elements",)),
    "actions": ({"block_id": _ID, "elements": _distinct_elements}, ("elements",)),
    "divider": ({"block_id": _ID}, ()),
}
_INPUTS: Mapping[str, tuple[Mapping[str, Check], Sequence[str]]] = {
    "input": (
        {
            "block_id": _ID,
            "label": _plain(2000),
            "hint": _plain(2000),
            "optional": _flag,
            "element": partial(_one_of, _FORM_ELEMENTS),
        },
        ("label", "element"),
    )
}


def _anything(_value: Any, _pointer: str) -> Iterator[str]:
    yield from ()


_VIEW: Mapping[str, Check] = {
    "type": _choice("modal"),
    "title": _plain(24),
    "submit": _plain(24),
    "close": _plain(24),
    "blocks": _anything,
    "private_metadata": _text(PRIVATE_METADATA_LIMIT),
    "callback_id": _text(255),
    "clear_on_close": _flag,
    "notify_on_close": _flag,
}
_VIEW_REQUIRED = ("type", "title", "blocks")
