"""What the stand-ins recorded, as people would read it there."""

from email.message import EmailMessage

from slo.demo.readable import comment_text, fields_of, first_line, slack_text


def test_slack_text_is_shown_without_marks_and_with_times_in_utc() -> None:
    marked = "*Kim*: a &lt;b&gt; &amp; c by <!date^1767240090^{date_short_pretty} {time}|2026-01-01 04:01 UTC>"
    assert slack_text(marked) == "Kim: a <b> & c by 2026-01-01 04:01 UTC"


def test_of_the_fields_of_a_message_those_are_shown_that_the_engineer_looks_for() -> None:
    fields = [{"text": "*Response due*\nsoon"}, {"text": "*Services*\ngate"}, {"text": "*Owner*\nnobody yet"}]
    message = {"blocks": [{"type": "section", "text": {}}, {"type": "section", "fields": fields}]}
    assert list(fields_of(message)) == ["Response due: soon", "Owner: nobody yet"]


def test_a_comment_is_shown_by_its_first_paragraph_that_has_text() -> None:
    blocks = [
        {"type": "rule"},
        {"type": "paragraph", "content": [{"type": "text", "text": "In "}, {"type": "text", "text": "hand"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "more"}]},
    ]
    assert comment_text({"body": {"content": blocks}}) == "In hand"


def test_a_letter_is_shown_by_its_first_line() -> None:
    letter = EmailMessage()
    letter.set_content("\n■ Open: gate burns\n\nAffected: gate\n")
    letter.add_alternative("<p>gate burns</p>", subtype="html")
    assert first_line(letter) == "■ Open: gate burns"
    assert first_line(EmailMessage()) == ""
