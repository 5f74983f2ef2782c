#!/usr/bin/env python3
"""Checks every #include against tools/layers.txt, and file sizes: check_layers.py [ROOT]."""

import graphlib
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<open>["<])(?P<path>[^">]+)[">]', re.MULTILINE)
PUBLIC_TO_ALL = {"tenon/tensor.h", "tenon/error.h", "tenon/log.h", "tenon/export.h"}
PUBLIC_FOLDERS = {"api", "build", "runtime"}  # they hold the bodies of the public headers
THIRD_PARTY = {"hwy"}  # Highway's own convention is quotes: it includes files again and again
OUTSIDE = ("tools", "examples", "doors")  # they use Tenon as anybody does
MAX_LINES, MAX_PUBLIC_LINES = 800, 150


def read_table(text: str) -> dict[str, set[str]]:
    """{folder: what it may include, transitively}; a cycle raises graphlib.CycleError."""
    lines = (line.split("#")[0].partition(":") for line in text.splitlines())
    direct = {folder.strip(): set(names.split()) for folder, colon, names in lines if colon}
    closure: dict[str, set[str]] = {}
    for folder in graphlib.TopologicalSorter(direct).static_order():
        below = direct.get(folder, set())
        closure[folder] = below.union(*(closure[name] for name in below))
    return closure


def sources(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in {".h", ".cpp"})


def includes(file: Path) -> list[tuple[int, bool, str]]:
    """(line, whether in quotes, path) of every include."""
    text = file.read_text()
    return [
        (text.count("\n", 0, match.start("path")) + 1, match["open"] == '"', match["path"])
        for match in INCLUDE.finditer(text)
    ]


def refuse_internal(file: Path, folder: str, path: str, table: dict[str, set[str]]) -> str | None:
    """Why a file of src/<folder>/ may not include "<path>"."""
    other, slash, _ = path.partition("/")
    if not slash:
        return f'name the folder: "{folder}/{path}"'
    if other in THIRD_PARTY:
        return None
    if other == "tenon":
        is_test = file.stem.endswith("_test")
        if path in PUBLIC_TO_ALL or folder in PUBLIC_FOLDERS or is_test:
            return None
        return f"only {' and '.join(sorted(PUBLIC_FOLDERS))} may include this public header"
    if other not in table:
        return f'"{other}" is not a folder of tools/layers.txt'
    if other != folder and other not in table[folder]:
        allowed = " ".join(sorted(table[folder])) or "nothing but the standard library"
        return f"{folder} may not include {other}; it may include {allowed}"
    return None


def refuse_public(quoted: bool, path: str) -> str | None:
    """Why a public header may not include it."""
    if quoted:
        return None if path.startswith("tenon/") else "public headers include only public headers"
    standard = re.fullmatch(r"[a-z_]+", path)
    return None if standard else "public headers include only the standard library"


def refuse_outside(file: Path, path: str) -> str | None:
    """Why a program of a user (tools/, examples/, doors/) may not include "<path>"."""
    # A door's headers lie beside its src/ and its python/.
    own = [file.parent, *(above / "include" for above in file.parents[1:3])]
    # The programs for a door are in the folder of examples that has its name.
    named = [above for above in file.parents if above.parent.name == "examples"]
    own += [above.parents[1] / "doors" / above.name / "include" for above in named]
    if path.startswith("tenon/") or any((folder / path).exists() for folder in own):
        return None
    return "tools, examples and doors include only include/tenon and files of their own"


def check_includes(root: Path, table: dict[str, set[str]]) -> list[str]:
    problems = []

    def note(file: Path, line: int, path: str, why: str | None) -> None:
        if why:
            problems.append(f'{file.relative_to(root)}:{line}: "{path}": {why}')

    for file in sources(root / "src"):
        folder = file.relative_to(root / "src").parts[0]
        if folder not in table:
            problems.append(f"src/{folder}: not in tools/layers.txt; add a line for it")
            continue
        for line, quoted, path in includes(file):
            if quoted:
                note(file, line, path, refuse_internal(file, folder, path, table))
    for file in sources(root / "include"):
        for line, quoted, path in includes(file):
            note(file, line, path, refuse_public(quoted, path))
    for file in (file for name in OUTSIDE for file in sources(root / name)):
        for line, quoted, path in includes(file):
            if quoted:
                note(file, line, path, refuse_outside(file, path))
    return problems


def check_cycles(root: Path) -> list[str]:
    """Headers that include one another in a ring."""
    graph = {}
    for base in (root / "src", root / "include"):
        for file in sources(base):
            graph[str(file.relative_to(base))] = {path for _, quoted, path in includes(file) if quoted}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["these include one another: " + " -> ".join(reversed(error.args[1]))]
    return []


def check_sizes(root: Path) -> list[str]:
    warnings = []
    for folder in ("src", "include", "tools", "python", "tests", "examples", "bench", "doors"):
        limit = MAX_PUBLIC_LINES if folder == "include" else MAX_LINES
        for file in sources(root / folder):
            lines = file.read_text().count("\n")
            if lines > limit:
                warnings.append(f"{file.relative_to(root)}: {lines} lines, over {limit}; split it")
    return warnings


def main(root: Path) -> int:
    try:
        table = read_table((root / "tools/layers.txt").read_text())
        problems = check_includes(root, table)
    except graphlib.CycleError as error:
        problems = ["tools/layers.txt: a cycle: " + " -> ".join(error.args[1])]
    problems += check_cycles(root)
    for warning in check_sizes(root):
        print(f"warning: {warning}")
    for problem in problems:
        print(problem)
    print(f"layers: {len(problems)} problems" if problems else "layers: in order")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
