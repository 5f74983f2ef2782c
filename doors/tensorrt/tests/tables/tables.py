"""The interface as data: cpp.txt and python.txt say what a program may name."""

import dataclasses
import inspect
import pathlib
import re

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Method:
    result: str
    name: str
    params: list[str]
    const: bool

    def pointer(self, owner):
        """An expression that compiles where `owner` has just this overload."""
        kind = f"{self.result} ({owner}::*)({', '.join(self.params)}){' const' if self.const else ''}"
        return f"static_cast<{kind}>(&{owner}::{self.name})"


@dataclasses.dataclass
class Cpp:
    enums: dict[str, dict[str, int]]
    classes: dict[str, list[Method]]
    functions: list[Method]


def lines(file):
    for line in (HERE / file).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def method(text):
    result, name, params, const = re.fullmatch(r"(.+?)([\w:]+)\((.*)\)( const)?", text).groups()
    return Method(result.strip(), name, params.split(", ") if params else [], bool(const))


def pair(kind, name, type_):
    """The two methods of a parameter."""
    type_ = type_.replace("_const*", " const*")
    given = type_ + " const&" if type_ == "Dims" else type_
    setter = Method("bool" if kind == "prop!" else "void", "set" + name, [given], const=False)
    return [setter, Method(type_, "get" + name, [], const=True)]


def cpp():
    table = Cpp({}, {}, [])
    for line in lines("cpp.txt"):
        kind, *words = line.split()
        if kind == "enum":
            table.enums[words[0]] = {k: int(v) for k, v in (w.split("=") for w in words[1:])}
        elif kind == "class":
            methods = table.classes[words[0]] = []
        elif kind == "function":
            table.functions.append(method(" ".join(words)))
        elif kind.startswith("prop"):
            methods += pair(kind, *words)
        else:
            methods.append(method(line.strip()))
    return table


PROGRAM = """#include "NvInfer.h"
#include "NvInferPlugin.h"
#include "NvInferPluginUtils.h"
#include "NvInferRuntimeCommon.h"
#include "NvOnnxConfig.h"
#include "NvOnnxParser.h"
using namespace nvinfer1;
template <class T> void named(T) {}
"""


def program(table):
    """Names everything; compiles where all of it is there, with these types and values."""
    out = [PROGRAM]
    for enum, values in table.enums.items():
        out += [f'static_assert(static_cast<int>({enum}::{k}) == {v}, "");' for k, v in values.items()]
    for owner, methods in table.classes.items():
        out.append(f"void use(::{owner}*) {{")
        out += [f"  named({each.pointer('::' + owner)});" for each in methods] + ["}"]
    out.append("void functions() {")
    for each in table.functions:
        out.append(f"  named(static_cast<{each.result} (*)({', '.join(each.params)})>(&{each.name}));")
    return "\n".join(out) + "\n}\n"


@dataclasses.dataclass
class Python:
    enums: dict[str, list[str]]
    classes: dict[str, list[str]]
    functions: list[str]
    constants: list[str]


def python():
    table = Python({}, {}, [], [])
    for line in lines("python.txt"):
        kind, _, rest = line.partition(" ")
        if kind == "enum":
            name, *values = rest.split()
            table.enums[name] = values
        elif kind == "class":
            members = table.classes[rest] = []
        elif kind == "function":
            table.functions.append(rest)
        elif kind == "constant":
            table.constants.append(rest)
        else:
            members.append(line.strip())
    return table


def name_of(member):
    return member.lstrip(".").partition("(")[0]


def keywords(member):
    """[(name, whether it has a default)] of `f(a, b=…)`."""
    inside = member.partition("(")[2].rstrip(")")
    return [(each.partition("=")[0], "=" in each) for each in inside.split(", ") if each]


def split(parameters):
    """The parts between the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in parameters:
        depth += (letter in "[({") - (letter in "])}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def overloads(function):
    """The keywords of each signature that a function has."""
    function = inspect.unwrap(function)
    if not hasattr(function, "__nb_signature__"):
        found = inspect.signature(function).parameters.values()
        named = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        return [[(p.name, p.default is not p.empty) for p in named if p.name != "self"]]
    made = []
    for text, *_ in function.__nb_signature__:
        given = text[text.index("(") + 1 : text.rindex(")", 0, text.rindex("->"))]
        parts = [part for part in split(given) if part not in ("/", "*")]
        pairs = [(part.partition(":")[0].partition("=")[0].strip(), "=" in part) for part in parts]
        made.append([pair for pair in pairs if pair[0] != "self"])
    return made


def takes(function, member):
    """Whether all keywords may be given by their names, and those with a default be left out."""
    wanted = keywords(member)
    for given in overloads(function):
        names = dict(given)
        known = all(name in names and (names[name] or not default) for name, default in wanted)
        others = all(default for name, default in given if name not in dict(wanted))
        if known and others:
            return True
    return False


def lacking(module):
    """What of the table a module does not have."""
    table, found = python(), []
    for enum, values in table.enums.items():
        owner = module
        for part in enum.split("."):
            owner = getattr(owner, part, None)
        found += [f"{enum}.{value}" for value in values if not hasattr(owner, value)]
    found += [each for each in table.constants if not hasattr(module, each)]
    for each in table.functions:
        function = getattr(module, name_of(each), None)
        if function is None or not takes(function, each):
            found.append(each)
    for owner, members in table.classes.items():
        type_ = getattr(module, owner, None)
        if type_ is None:
            found.append(f"class {owner}")
            continue
        for each in members:
            member = getattr(type_, name_of(each), None)
            there = hasattr(type_, name_of(each))
            if not there or ("(" in each and name_of(each)[:2] != "__" and not takes(member, each)):
                found.append(f"{owner}: {each}")
    return found
