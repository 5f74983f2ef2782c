"""tools/check_layers.py finds each kind of wrong include in a small tree, and none in the right one."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "tools" / "check_layers.py"
RIGHT = {
    "tools/layers.txt": "base:\nir: base\nruntime: ir  # and base, through ir\n",
    "include/tenon/error.h": "#include <string_view>\n",
    "include/tenon/engine.h": '#include "tenon/error.h"\n',
    "src/base/text.h": '#include <sys/mman.h>\n#include "tenon/error.h"\n',
    "src/ir/graph.h": '#include "base/text.h"\n',
    "src/ir/graph.cpp": '#include "ir/graph.h"\n',
    "src/ir/graph_test.cpp": '#include "tenon/engine.h"\n',
    "src/runtime/engine.cpp": '#include "base/text.h"\n#include "tenon/engine.h"\n',
    "tools/command.h": "",
    "tools/main.cpp": '#include "tenon/engine.h"\n#include "command.h"\n#include <fmt/core.h>\n',
    "doors/other/include/Other.h": "",
    "doors/other/python/src/bind.cpp": '#include "Other.h"\n',
    "doors/other/src/other.cpp": '#include "Other.h"\n#include "tenon/engine.h"\n',
}


def run(root: Path, changes: dict[str, str]) -> tuple[int, str]:
    for name, text in {**RIGHT, **changes}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_tree_in_order_passes(tmp_path):
    assert run(tmp_path, {}) == (0, "layers: in order\n")


@pytest.mark.parametrize(
    "file, text, message",
    [
        ("src/base/text.cpp", '#include "ir/graph.h"', "base may not include ir"),
        ("src/ir/a.h", '\n#  include "runtime/x.h"', "src/ir/a.h:2:"),
        ("src/ir/a.h", '#include "tenon/engine.h"', "may include this public header"),
        ("src/ir/a.h", '#include "graph.h"', 'name the folder: "ir/graph.h"'),
        ("src/ir/a.h", '#include "elsewhere/x.h"', '"elsewhere" is not a folder'),
        ("src/new/a.h", "", "src/new: not in tools/layers.txt"),
        ("include/tenon/a.h", '#include "base/text.h"', "only public headers"),
        ("include/tenon/a.h", "#include <fmt/core.h>", "only the standard library"),
        ("tools/a.cpp", '#include "runtime/engine.h"', "only include/tenon"),
        ("doors/other/src/a.cpp", '#include "runtime/engine.h"', "only include/tenon"),
        ("examples/a.cpp", '#include "base/text.h"', "only include/tenon"),
        ("tools/layers.txt", "base: runtime\nir: base\nruntime: ir\n", "a cycle"),
        ("src/base/text.h", '#include "base/text.h"', "include one another"),
    ],
)
def test_wrong_include_is_named(tmp_path, file, text, message):
    code, output = run(tmp_path, {file: text + "\n"})
    assert code == 1
    assert message in output


def test_programs_for_a_door_include_its_headers(tmp_path):
    own = {"doors/other/include/Other.h": "", "examples/other/guide/a.cpp": '#include "Other.h"\n'}
    assert run(tmp_path, own) == (0, "layers: in order\n")
    code, output = run(tmp_path, {"examples/another/a.cpp": '#include "Other.h"\n'})
    assert code == 1
    assert "examples/another/a.cpp:1:" in output


def test_long_file_is_only_a_warning(tmp_path):
    code, output = run(tmp_path, {"src/ir/long.cpp": "\n" * 801, "include/tenon/long.h": "\n" * 151})
    assert code == 0
    assert "warning: src/ir/long.cpp: 801 lines" in output
    assert "warning: include/tenon/long.h: 151 lines" in output
