"""The modals of Slack in which people say something of an incident, or when it will have recovered; and what they say.

Layout: https://docs.slack.dev/reference/views/modal-views. The mark of the incident is in `private_metadata`. A time is
chosen in the zone of the person; how long is asked in minutes as well, because that is what people know at three in the
morning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.acts import Act, Promise, Say, Target
from slo.core.eta import ETA, Confidence
from slo.router.page import Json
from slo.router.slack.blocks import NOTE, PROMISE, plain

TEXT = "text"
MINUTES = "minutes"
TIME = "time"
CONFIDENCE = "confidence"
NEXT_UPDATE = "next_update"
"""The blocks of the forms; each holds one input, which has the same name."""

TEXT_LIMIT = 2700
LONGEST = timedelta(days=30)
"""Further away than this nobody knows: it is a slip of the finger."""

_LONGEST_MINUTES = LONGEST // timedelta(minutes=1)

State = Mapping[str, object]


class FormErrors(Exception):
    """What is wrong with a form, by the block that it stands under."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, kw_only=True, slots=True)
class Doing:
    """Who does something, to what, by way of what, and under which name of Slack's."""

    target: Target
    by: str
    via: str
    source: str


def modal(name: str, mark: str) -> dict[str, Json]:
    """The form of a button, `note` or `eta`, about the incident with that mark."""
    title, blocks = _FORMS[name]
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": mark,
        "title": plain(title),
        "submit": plain("Send"),
        "close": plain("Cancel"),
        "blocks": list(blocks),
    }


def act_of(name: str, values: State, doing: Doing, now: datetime) -> Act:
    """What a form that was submitted says. Raises FormErrors for what the person can mend, ValueError for no form."""
    if name == NOTE:
        text = _text(values)
        if not text:
            raise FormErrors({TEXT: "Write what is to be said."})
        return Say(target=doing.target, by=doing.by, via=doing.via, source=doing.source, text=text)
    if name != PROMISE:
        raise ValueError(f"there is no form {name!r}")
    eta = _eta(values, now)
    return Promise(target=doing.target, by=doing.by, via=doing.via, source=doing.source, eta=eta, text=_text(values))


def _eta(values: State, now: datetime) -> ETA:
    errors: dict[str, str] = {}
    minutes, chosen = _minutes(values, MINUTES, errors), _input(values, TIME).get("selected_date_time")
    recover_at = now + timedelta(minutes=minutes) if minutes else None
    if isinstance(chosen, int) and not isinstance(chosen, bool):
        if MINUTES in errors or minutes:
            errors[TIME] = "Give minutes or a time, not both."
        elif not now.timestamp() < chosen <= (now + LONGEST).timestamp():
            errors[TIME] = f"Choose a time in the next {LONGEST.days} days."
        else:
            recover_at = datetime.fromtimestamp(chosen, UTC)
    next_minutes = _minutes(values, NEXT_UPDATE, errors)
    option = _input(values, CONFIDENCE).get("selected_option")
    confidence = option.get("value") if isinstance(option, Mapping) else None
    if confidence not in [each.value for each in Confidence]:
        errors[CONFIDENCE] = "Choose how sure you are."
    if errors:
        raise FormErrors(errors)
    return ETA(
        recover_at=recover_at,
        confidence=Confidence(str(confidence)),
        next_update_at=now + timedelta(minutes=next_minutes) if next_minutes else None,
    )


def _minutes(values: State, block: str, errors: dict[str, str]) -> int:
    """A number of minutes, 0 where none is given; what is none is told to `errors`."""
    given = _input(values, block).get("value")
    if given is None or given == "":
        return 0
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 9:
        minutes = int(given)
        if 0 < minutes <= _LONGEST_MINUTES:
            return minutes
    errors[block] = f"Give whole minutes, from 1 to {_LONGEST_MINUTES}."
    return 0


def _text(values: State) -> str:
    """What was written, its lines kept, without other control characters."""
    given = _input(values, TEXT).get("value")
    if not isinstance(given, str):
        return ""
    kept = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in given[:TEXT_LIMIT].splitlines())
    return "\n".join(kept).strip()


def _input(values: State, block: str) -> State:
    """The state of the input of a block. Raises ValueError where it has none that could be."""
    inputs = values.get(block, {})
    state = inputs.get(block, {}) if isinstance(inputs, Mapping) else None
    if not isinstance(state, Mapping):
        raise ValueError(f"the form has no input {block}")
    return state


def _asks(block: str, label: str, element: Mapping[str, Json], *, optional: bool = True) -> dict[str, Json]:
    return {
        "type": "input",
        "block_id": block,
        "label": plain(label),
        "optional": optional,
        "element": {**element, "action_id": block},
    }


def _option(confidence: Confidence) -> dict[str, Json]:
    return {"text": plain(confidence.value.capitalize()), "value": confidence.value}


_WRITTEN: Mapping[str, Json] = {"type": "plain_text_input", "multiline": True, "max_length": TEXT_LIMIT}
_COUNTED: Mapping[str, Json] = {
    "type": "number_input",
    "is_decimal_allowed": False,
    "min_value": "1",
    "max_value": str(_LONGEST_MINUTES),
}
_SURE: Mapping[str, Json] = {
    "type": "static_select",
    "options": [_option(confidence) for confidence in Confidence],
    "initial_option": _option(Confidence.LOW),
}
_FORMS: Mapping[str, tuple[str, tuple[dict[str, Json], ...]]] = {
    NOTE: ("Note on the incident", (_asks(TEXT, "What is to be said", _WRITTEN, optional=False),)),
    PROMISE: (
        "Time to recover",
        (
            _asks(MINUTES, "In how many minutes (nothing here and below: nobody knows yet)", _COUNTED),
            _asks(TIME, "Or at what time", {"type": "datetimepicker"}),
            _asks(CONFIDENCE, "How sure are you", _SURE, optional=False),
            _asks(NEXT_UPDATE, "Next update in how many minutes", _COUNTED),
            _asks(TEXT, "What is to be said with it", _WRITTEN),
        ),
    ),
}
