"""Writes docs/tensorrt_coverage.md: every name of the tables, what it does, and the test that names it.

`python coverage.py > docs/tensorrt_coverage.md`; a test compares. A test is one whose text has the
name, in C++ or under its name in Python: the first in the order of the files.
"""

import re
import sys

import tables

TESTS = tables.HERE.parent
NOT_CALLED = "every_name_is_there"  # the compiler's own test: of what is never called here


def snake(name):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def python_names(name):
    """What a method of C++ may be called in Python."""
    bare = re.sub(r"^(set|get)_", "", snake(name))
    forms = {snake(name), bare}
    return forms | {re.sub(r"(^|_)nb_", r"\1num_", each) for each in forms}


def effects():
    found = {}
    for line in tables.lines("effects.txt"):
        kind, owner, *names = line.split()
        for name in names:
            for each in {name} | python_names(name):
                found[owner, each] = kind
    return found


def blocks():
    """(name of the test, its text), in the order of the files."""
    for path in sorted(TESTS.glob("*_test.cpp")) + sorted(TESTS.glob("lean/*_test.cpp")):
        for part in re.split(r"^(?=TEST)", path.read_text(), flags=re.M)[1:]:
            yield re.sub(r"TEST\w*\((\w+), (\w+)\).*", r"\1.\2", part.split("{")[0].strip(), flags=re.S), part
    for path in sorted(TESTS.glob("python/test_*.py")):
        for part in re.split(r"^(?=def |@)", path.read_text(), flags=re.M)[1:]:
            match = re.search(r"^def (\w+)", part, flags=re.M)
            if match:
                yield f"{path.stem}::{match[1]}", part


def index():
    """The first test for each word."""
    found = {}
    for name, text in blocks():
        for word in set(re.findall(r"\w+", text)):
            found.setdefault(word, name)
    return found


def rows(owner, names, kinds, words, forms):
    """Names grouped by what they do and by their test."""
    groups = {}
    for name in dict.fromkeys(names):
        kind = kinds.get((owner, name), kinds.get((owner, "*"), "works"))
        test = next((words[form] for form in [name, *sorted(forms(name))] if form in words), None)
        if test is None:
            test = NOT_CALLED
            kind = "compiles" if kind == "works" else kind
        groups.setdefault((kind, test), []).append(name)
    return [f"| {', '.join(f'`{n}`' for n in names)} | {kind} | {test} |" for (kind, test), names in groups.items()]


def count(lines):
    tally = {}
    for line in lines:
        names, kind = line.split(" | ")[:2]
        tally[kind] = tally.get(kind, 0) + names.count("`") // 2
    return tally


def cpp_rows(kinds, words):
    for owner, methods in tables.cpp().classes.items():
        bare = owner.split("::")[1]
        names = [method.name for method in methods]
        yield owner, rows(bare, names or [bare], kinds, words, python_names)


def python_rows(kinds, words):
    same = {"Builder": "IBuilder", "Runtime": "IRuntime", "Refitter": "IRefitter", "OnnxParser": "IParser"}
    for owner, members in tables.python().classes.items():
        names = [tables.name_of(member) for member in members if not tables.name_of(member).startswith("__")]
        yield owner, rows(same.get(owner, owner), names or [owner], kinds, words, lambda _: [])


HEAD = """# Coverage of TensorRT's interface

Written by `doors/tensorrt/tests/tables/coverage.py`; a test compares. What a program may name is in
`doors/tensorrt/tests/tables/`: all of it compiles (C++14, 17, 20; g++, clang), and all Python names take
their keywords. *accepted*: kept for the getter, or never called; *refused*: an error that says what is
lacking; *compiles*: there, and no test calls it. The test is the first whose text has the name.
"""


def report():
    kinds, words = effects(), index()
    out, tally = [], {}
    for title, found in (("C++", cpp_rows(kinds, words)), ("Python", python_rows(kinds, words))):
        out += ["", f"## {title}"]
        for owner, lines in found:
            out += ["", f"### {owner}", "", "| names | is | test |", "|---|---|---|", *lines]
            for kind, number in count(lines).items():
                tally[title, kind] = tally.get((title, kind), 0) + number
    enums = tables.cpp().enums
    values = sum(map(len, enums.values()))
    head = [HEAD, "| | works | accepted | refused | compiles |", "|---|---|---|---|---|"]
    for title in ("C++", "Python"):
        numbers = [str(tally.get((title, kind), 0)) for kind in ("works", "accepted", "refused", "compiles")]
        head.append(f"| {title} | {' | '.join(numbers)} |")
    head += ["", f"Enumerations: {len(enums)} with {values} values, compared by the compiler (`{NOT_CALLED}`)."]
    return "\n".join(head + out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(report())
