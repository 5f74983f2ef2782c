"""save() and load(): torch.export archives whose engines are refitted like any other."""

from __future__ import annotations

import builtins
import json
import pickle
import subprocess
import sys

import pytest
import torch
from models import ZOO, Bert, Mlp, seeded

import tenon
import tenon.torch
from tenon.torch import _archive, refit_module_weights

X = torch.randn(2, 4)


@pytest.fixture
def mlp():
    return tenon.torch.compile(seeded(Mlp), (X,), tactics="first")


@pytest.mark.parametrize("name", sorted(ZOO))
def test_what_is_loaded_answers_as_what_was_saved(fresh, same, tmp_path, name):
    args = ZOO[name][1]
    tenon.torch.save(fresh(name), tmp_path / "model.ep")
    program = tenon.torch.load(tmp_path / "model.ep")
    assert isinstance(program, torch.export.ExportedProgram)
    assert same(program.module()(*args), fresh(name)(*args))


def test_save_load_refit_save_for_ever(fresh, same, tmp_path):
    args, program = ZOO["resnet18"][1], None
    tenon.torch.save(fresh("resnet18"), tmp_path / "model.ep")
    for seed in (1, 0, 1):
        program = tenon.torch.load(tmp_path / "model.ep")
        new = torch.export.export(seeded(ZOO["resnet18"][0], seed), args, strict=False)
        refitted = refit_module_weights(program, new, args, verify_output=True)
        assert same(refitted(*args), fresh("resnet18", seed)(*args))
        tenon.torch.save(refitted, tmp_path / "model.ep")


def test_a_loaded_program_is_refitted_in_place(fresh, same, tmp_path):
    args = ZOO["gpt2"][1]
    tenon.torch.save(fresh("gpt2"), tmp_path / "model.ep")
    program = tenon.torch.load(tmp_path / "model.ep")
    module = program.module()
    refit_module_weights(program, seeded(ZOO["gpt2"][0], 1), in_place=True)
    assert same(module(*args), fresh("gpt2", 1)(*args))
    assert same(program.module()(*args), fresh("gpt2", 1)(*args))


def test_dynamic_extents_and_pytrees_survive(close, tmp_path):
    batch, length = torch.export.Dim("batch", max=16), torch.export.Dim("length", max=64)
    shapes = {"ids": {0: batch, 1: length}, "mask": {0: batch, 1: length}}
    compiled = tenon.torch.compile(seeded(Bert), ZOO["bert"][1], dynamic_shapes=shapes, tactics="first")
    tenon.torch.save(compiled, tmp_path / "model.ep")
    program = tenon.torch.load(tmp_path / "model.ep")
    ids, mask = torch.randint(100, (3, 11)), torch.ones(3, 11, dtype=torch.int64)
    with torch.no_grad():
        assert close(program.module()(ids, mask), seeded(Bert)(ids, mask))


def test_a_stripped_file_refuses_to_run_until_it_is_refitted(mlp, same, tmp_path):
    tenon.torch.save(mlp, tmp_path / "public.ep", strip=True)
    program = tenon.torch.load(tmp_path / "public.ep")
    with pytest.raises(tenon.NotReadyError):
        program.module()(X)
    with pytest.raises(tenon.RefitError, match="fc1.bias"):
        refit_module_weights(program, {"fc1.weight": seeded(Mlp).fc1.weight}, in_place=True)
    refit_module_weights(program, seeded(Mlp), in_place=True)
    assert same(program.module()(X), mlp(X))


def test_a_stripped_file_holds_no_weight(mlp, tmp_path):
    tenon.torch.save(mlp, tmp_path / "public.ep", strip=True)
    tenon.torch.save(mlp, tmp_path / "full.ep")
    bytes_of = seeded(Mlp).fc1.weight.detach().numpy().tobytes()
    assert bytes_of in (tmp_path / "full.ep").read_bytes()
    assert bytes_of not in (tmp_path / "public.ep").read_bytes()


def test_torch_export_load_reads_it_in_another_process_without_onnx(mlp, tmp_path):
    tenon.torch.save(mlp, tmp_path / "model.pt2")
    torch.save((X, mlp(X)), tmp_path / "io.pt")
    torch.save(seeded(Mlp, 1).state_dict(), tmp_path / "new.pt")
    code = (
        "import sys, torch, tenon.torch\n"
        "p = torch.export.load('model.pt2'); x, y = torch.load('io.pt')\n"
        "assert torch.equal(p.module()(x), y)\n"
        "tenon.torch.refit_module_weights(p, 'new.pt', in_place=True)\n"
        "assert not torch.equal(p.module()(x), y)\n"
        "assert 'onnx_ir' not in sys.modules and 'onnxscript' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_extra_files_travel(mlp, tmp_path):
    tenon.torch.save(mlp, tmp_path / "model.ep", extra_files={"card.txt": "trained on digits"})
    found = {"card.txt": ""}
    tenon.torch.load(tmp_path / "model.ep", extra_files=found)
    assert found == {"card.txt": "trained on digits"}


@pytest.mark.parametrize("cut", [0, 10, 1000, -100])
def test_truncated_files_are_plan_errors(mlp, tmp_path, cut):
    tenon.torch.save(mlp, tmp_path / "model.ep")
    data = (tmp_path / "model.ep").read_bytes()
    (tmp_path / "model.ep").write_bytes(data[:cut])
    with pytest.raises(
        tenon.PlanError, match="is no whole torch.export archive|cannot be read by torch.export.load"
    ):
        tenon.torch.load(tmp_path / "model.ep")


def rewritten(path, ending, change):
    """The archive with one of its files changed."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    (name,) = [name for name in files if name.endswith(ending)]
    files[name] = change(files[name])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


class Code:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def as_json(change):
    def changed(data):
        value = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    return changed


def hostile(mark):
    run = f"__import__('pathlib').Path({str(mark)!r}).touch()"

    def node(value):
        value["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"

    def extent(value):
        sizes = next(iter(value["graph_module"]["graph"]["tensor_values"].values()))["sizes"]
        sizes[0] = {"as_expr": {"expr_str": run, "hint": {"as_int": 2}}}

    def argument(value):
        value["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = [f"x={run}"]

    def keyword(value):
        leaf = {"type": None, "context": None, "children_spec": []}
        signature = value["graph_module"]["module_call_graph"][0]["signature"]
        version, root = json.loads(signature["in_spec"])
        root["children_spec"][1].update(context=json.dumps([f"x={run}"]), children_spec=[leaf])
        signature["in_spec"] = json.dumps([version, root])

    def weight(value):
        next(iter(value["config"].values()))["use_pickle"] = True

    return {
        "guard": ("models/model.json", as_json(lambda value: value.update(guards_code=[run]))),
        "node": ("models/model.json", as_json(node)),
        "extent": ("models/model.json", as_json(extent)),
        "argument": ("models/model.json", as_json(argument)),
        "keyword": ("models/model.json", as_json(keyword)),
        "weight": ("model_weights_config.json", as_json(weight)),
        "examples": ("sample_inputs/model.pt", lambda _: pickle.dumps(Code(mark))),
    }


@pytest.mark.parametrize("kind", ["guard", "node", "extent", "argument", "keyword", "weight", "examples"])
def test_hostile_archives_are_refused_before_torch_reads_them(mlp, tmp_path, kind):
    tenon.torch.save(mlp, tmp_path / "model.ep")
    rewritten(tmp_path / "model.ep", *hostile(tmp_path / "mark")[kind])
    with pytest.raises(tenon.PlanError, match="which reading would run; nothing was read"):
        tenon.torch.load(tmp_path / "model.ep")
    assert not (tmp_path / "mark").exists()


def test_an_archive_that_is_written_anew_is_read(mlp, same, tmp_path):
    tenon.torch.save(mlp, tmp_path / "model.ep")
    rewritten(tmp_path / "model.ep", "models/model.json", as_json(lambda value: None))
    assert same(tenon.torch.load(tmp_path / "model.ep").module()(X), mlp(X))


def test_a_failed_save_leaves_the_old_file(mlp, tmp_path, monkeypatch):
    tenon.torch.save(mlp, tmp_path / "model.ep")
    before = (tmp_path / "model.ep").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch.export, "save", full)
    with pytest.raises(OSError, match="No space left"):
        tenon.torch.save(mlp, tmp_path / "model.ep")
    assert (tmp_path / "model.ep").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.ep"]


# The operator. -----------------------------------------------------------------------------------


def test_compiled_modules_trace_under_torch_compile_without_breaks(mlp, same):
    traced = torch.compile(mlp, fullgraph=True, backend="eager")
    assert same(traced(X), mlp(X))
    mlp.refit(seeded(Mlp, 1))
    assert same(traced(X), mlp(X))


def test_compiled_modules_export_again(same):
    batch = torch.export.Dim("batch", max=9)
    shapes = ({0: batch},)
    compiled = tenon.torch.compile(seeded(Mlp), (X,), dynamic_shapes=shapes, tactics="first")
    program = torch.export.export(compiled, (X,), dynamic_shapes=shapes)
    x = torch.randn(7, 4)
    assert same(program.module()(x), compiled(x))
    compiled.refit(seeded(Mlp, 1))
    assert same(program.module()(x), compiled(x))


def test_a_reference_to_an_engine_that_is_gone_is_refused(tmp_path):
    program = torch.export.export(tenon.torch.compile(seeded(Mlp), (X,), tactics="first"), (X,))
    import gc

    torch.export.save(program, tmp_path / "model.pt2")
    del program
    gc.collect()
    with pytest.raises(tenon.PlanError, match="engine of another process, or one that is gone"):
        torch.export.load(tmp_path / "model.pt2").module()(X)


@pytest.mark.parametrize("shapes", ["by position", "by name"])
def test_other_examples_and_their_dynamic_shapes_save_the_same(same, tmp_path, shapes):
    batch = torch.export.Dim("rows", min=1, max=9)
    module, ids = seeded(Bert), torch.arange(14).reshape(2, 7)
    named = {"ids": {0: batch}, "mask": {0: batch}}
    mask = torch.ones_like(ids)
    compiled = tenon.torch.compile(module, (ids,), kwarg_inputs={"mask": mask}, dynamic_shapes=named, tactics="first")
    given = named if shapes == "by name" else ({0: batch}, {0: batch})
    tenon.torch.save(
        compiled, tmp_path / "m.ep", arg_inputs=[ids], kwarg_inputs={"mask": mask}, dynamic_shapes=given
    )
    loaded = tenon.torch.load(tmp_path / "m.ep").module()
    for rows in (1, 5):
        x, ones = torch.arange(7 * rows).reshape(rows, 7), torch.ones(rows, 7, dtype=torch.int64)
        assert same(loaded(x, mask=ones), compiled(x, mask=ones))


def test_code_for_an_inputs_name_does_not_run(tmp_path, monkeypatch):
    code = 'x=__import__("builtins").pwned()'
    monkeypatch.setattr(builtins, "pwned", lambda: pytest.fail("code of an archive has run"), raising=False)
    module, mask = seeded(Bert), torch.ones(2, 7, dtype=torch.int64)
    compiled = tenon.torch.compile(module, (mask,), kwarg_inputs={"mask": mask}, tactics="first")
    info = _archive.info_of(compiled._program, compiled.state)
    assert '\\"mask\\"' in info["in_spec"]
    info["in_spec"] = info["in_spec"].replace('\\"mask\\"', json.dumps(json.dumps(code))[1:-1])
    plan = torch.frombuffer(bytearray(compiled.engines[0].to_bytes()), dtype=torch.uint8)
    with pytest.raises(tenon.PlanError, match="is no identifier"):
        _archive._module_of(info, {}, compiled._program.parts[0].spec, plan)
