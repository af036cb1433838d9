"""What the parser of YAML stumbles over, in sentences, with what to write instead."""

from yaml.error import MarkedYAMLError

_VARIABLE = (
    "a variable stands here without quotes",
    'quote it: inside [ ] and { } write "${NAME}"',
)
_SENTENCES = {
    "mapping values are not allowed in this context": (
        "a `: ` stands where no key can be",
        "quote the value if it holds `: `, or give the key the indentation of its neighbours",
    ),
    "did not find expected ',' or '}'": (
        "a { is not closed, or a comma is missing",
        "close it with }, or quote the value",
    ),
    "did not find expected ',' or ']'": (
        "a [ is not closed, or a comma is missing",
        "close it with ], or quote the value",
    ),
    "did not find expected node content": (
        "a value is missing, or a [ or { is not closed",
        "write the value, or close it",
    ),
    "did not find expected key": (
        "no key can stand here",
        "give it the indentation of its neighbours, or quote the value before it",
    ),
    "did not find expected '-' indicator": (
        "this list goes on with something that is no item",
        "begin each item with `- `, all with the same indentation",
    ),
    "could not find expected ':'": (
        "this is no `key: value`",
        "write `: ` after the key, and indent what goes on",
    ),
    "found unexpected end of stream": ("a quote opens here and never closes", "close the quote"),
    "found unknown escape character": (
        "a backslash in double quotes begins an escape that does not exist",
        "use single quotes, in which a backslash is just a backslash",
    ),
    "found undefined tag handle": ("tags mean nothing here", "leave it out, or quote a text that begins with !"),
    "block sequence entries are not allowed in this context": (
        "a list item cannot begin here",
        "put it on a line of its own, or quote a text that begins with `- `",
    ),
    "found a tab character that violates indentation": ("a tab indents this line", "indent with spaces"),
}
"""What libyaml says, and what that means to a person."""


def in_sentences(error: MarkedYAMLError, text: str) -> tuple[int, int, str, str]:
    """Line, column (from 1), problem and mend of a syntax error in `text`."""
    mark = error.problem_mark or error.context_mark
    problem = str(error.problem or error.context or "this is no YAML")
    if problem == "found unexpected end of stream" and error.context_mark:
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    there = lines[line] if line < len(lines) else ""
    if there[max(column - 1, 0) : column + 1] == "${":
        return line + 1, column, *_VARIABLE
    if problem == "found character that cannot start any token":
        if there[column : column + 1] == "\t":
            return line + 1, column + 1, "a tab indents this line", "indent with spaces"
        return line + 1, column + 1, f"a value cannot begin with {there[column : column + 1]}", "quote the value"
    sentence = _SENTENCES.get(problem, (f"this is no YAML: {problem}", "quote the value, or mend the indentation"))
    return line + 1, column + 1, *sentence
