"""A message quotes at most 200 characters of what a user gave, whoever says it."""

import os
import subprocess

import numpy as np
import pytest
from linear import W, X, linear_network
from test_cli import CLI

import tenon

LONG = "q" * 10_000  # and an array-like whose type and dtype have such names:
Long = type(LONG, (), {"dtype": LONG})

CALLS = {
    "build a path": lambda e, n: tenon.build(LONG),
    "build a folder": lambda e, n: tenon.build("./" + "/".join(["q" * 250] * 10) + "/m.onnx"),
    "build bytes": lambda e, n: tenon.build(LONG.encode()),
    "device": lambda e, n: tenon.build(n, device=LONG),
    "device number": lambda e, n: tenon.build(n, device="cuda:" + LONG),
    "refit": lambda e, n: tenon.build(n, refit=[LONG]),
    "without": lambda e, n: tenon.build(n, without=[LONG]),
    "memory": lambda e, n: tenon.build(n, memory=LONG),
    "sources": lambda e, n: tenon.build(n, sources=LONG),
    "tactics": lambda e, n: tenon.build(n, tactics=LONG),
    "precision": lambda e, n: tenon.build(n, precision=LONG),
    "shapes": lambda e, n: tenon.build(n, shapes={LONG: [1, 2]}),
    "shapes axis": lambda e, n: tenon.build(n, shapes={"x": [LONG, LONG + "q", 3]}),
    "shapes axes": lambda e, n: tenon.build(n, shapes={"x": LONG}),
    "aliases": lambda e, n: tenon.build(n, aliases={LONG: LONG}),
    "weights": lambda e, n: tenon.build(n, weights={LONG: W}),
    "weights of a kind": lambda e, n: tenon.build(n, weights={"w": Long()}),
    "folder": lambda e, n: tenon.build(b"x", folder=LONG),
    "load a path": lambda e, n: tenon.load(LONG),
    "load bytes": lambda e, n: tenon.load(LONG.encode()),
    "load a device": lambda e, n: tenon.load(e.to_bytes(), device=LONG),
    "load tactics": lambda e, n: tenon.load(e.to_bytes(), tactics=LONG),
    "load memory": lambda e, n: tenon.load(e.to_bytes(), memory=LONG),
    "load what is none": lambda e, n: tenon.load([LONG]),
    "run": lambda e, n: e.run({LONG: X}),
    "run a kind": lambda e, n: e.run({"x": Long()}),
    "run a name that is none": lambda e, n: e.run({(LONG,): X}),
    "run a list": lambda e, n: e.run({"x": [LONG]}),
    "run out": lambda e, n: e.run({"x": X}, out={LONG: X}),
    "call": lambda e, n: e(**{LONG: X}),
    "outputs": lambda e, n: e.run({"x": X})[LONG],
    "output shapes": lambda e, n: e.output_shapes({LONG: [1]}),
    "submit": lambda e, n: e.submit({LONG: X}).result(),
    "profile": lambda e, n: e.profile({LONG: X}),
    "refit a path": lambda e, n: e.refit(LONG),
    "refit a name": lambda e, n: e.refit({LONG: W}),
    "refit a name that is none": lambda e, n: e.refit({(LONG,): W}),
    "refit a kind": lambda e, n: e.refit({"w": Long()}),
    "refit a type": lambda e, n: e.refit({"w": LONG}),
    "refit rename": lambda e, n: e.refit({"w": W}, rename=LONG),
    "refit rename to": lambda e, n: e.refit({"w": W}, rename=lambda name: [LONG]),
    "refit renamed": lambda e, n: e.refit({"w": W}, rename={"w": LONG}),
    "refit rename of": lambda e, n: e.refit({"w": W}, rename={"w": {LONG: LONG}}),
    "refit twice": lambda e, n: e.refit({LONG: W, "w": W}, rename={LONG: "w"}),
    "refit prefix": lambda e, n: e.refit({LONG + "w": W}),
    "refit suffix": lambda e, n: e.refit({"w." + LONG: W}),
    "refit only": lambda e, n: e.refit({"w": W}, only=LONG, complete=True),
    "refit a stop": lambda e, n: e.refit({"w": W}, stop=LONG),
    "refit progress": lambda e, n: e.refit({"w": W}, progress=LONG),
    "low rank": lambda e, n: (lambda r: (r.add_low_rank(LONG, X, X, adapter=LONG), r.commit()))(e.refitter()),
    "low rank shapes": lambda e, n: (lambda r: (r.add_low_rank("w", X, X, adapter=LONG), r.commit()))(e.refitter()),
    "save": lambda e, n: e.save(LONG),
    "save into a folder": lambda e, n: e.save("/" + "q" * 200 + "/" + LONG[:200]),
    "save notes": lambda e, n: e.save(os.devnull + "/" + LONG),
    "a weight": lambda e, n: e.weights[LONG],
    "publish": lambda e, n: e.publish(LONG),
    "digest": lambda e, n: tenon.digest(Long()),
    "network input twice": lambda e, n: (n.input(LONG, [1]), n.input(LONG, [1])),
    "network input extent": lambda e, n: n.input("i", [LONG + " bad("]),
    "network dtype": lambda e, n: n.input("i", [1], dtype=LONG),
    "network weight dtype": lambda e, n: n.weight("v", [1], dtype=LONG),
    "network weight": lambda e, n: n.weight("v", Long()),
    "network op": lambda e, n: n.add(LONG),
    "network domain": lambda e, n: n.add("Relu", domain=LONG),
    "network node": lambda e, n: n.add("Relu", name=LONG),
    "network attribute": lambda e, n: n.add("Relu", n.input("a", [1]), **{LONG: 1}),
    "network attribute value": lambda e, n: n.add("Cast", n.input("a", [1]), to=LONG),
    "network attribute kind": lambda e, n: n.add("Softmax", n.input("a", [1]), axis=Long()),
    "network string attribute": lambda e, n: n.add("Pad", n.input("a", [1]), n.input("p", [2], dtype="int64"), mode=LONG),
    "network output names": lambda e, n: n.add("Relu", n.input("a", [1]), outputs=[LONG, LONG]),
    "network outputs": lambda e, n: n.add("Relu", n.input("a", [1]), outputs=LONG),
    "network output twice": lambda e, n: (n.output(LONG, n.input("a", [1])), n.output(LONG, n.input("b", [1]))),
    "network shape": lambda e, n: n.matmul(n.input("a", [1, LONG]), n.input("b", [LONG + "z", 3])),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_message_quotes_more_than_200_characters(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = linear_network()
    engine = tenon.build(network, tactics="first")
    with pytest.raises(Exception) as raised:  # what else Python finds wrong (a TypeError, a KeyError) is its own
        CALLS[name](engine, network)
    if not isinstance(raised.value, tenon.Error):
        assert isinstance(raised.value, KeyError | TypeError | AttributeError | OSError), repr(raised.value)[:500]
        return
    assert "q" * 201 not in str(raised.value) and len(str(raised.value)) < 1500, str(raised.value)[:600]


COMMANDS = [
    [LONG], ["build", LONG, "-o", "a.plan"], ["build", "m.plan", "-o", LONG], ["build", "m.plan", "--device", LONG], ["build", "m.plan", "--tactics", LONG],
    ["build", "m.plan", "--shape", LONG], ["build", "m.plan", "--shape", f"x={LONG}"], ["build", "m.plan", "--without", LONG],
    ["run", LONG], ["run", "m.plan", "--inputs", LONG], ["run", "m.plan", "--inputs", f"x={LONG}"], ["run", "m.plan", "--random", "--outputs", LONG],
    ["refit", "m.plan", LONG, "-o", "a.plan"], ["refit", "m.plan", "w.npz", "--map", LONG], ["refit", "m.plan", "w.npz", "--prefix", LONG],
    ["refit", "m.plan", "w.npz", "--only", LONG, "--complete"], ["strip", LONG, "-o", "a"], ["inspect", LONG], ["bench", LONG], ["diff", LONG, LONG],
    ["convert", LONG, "-o", "a.npz"], ["convert", "w.npz", "-o", LONG], ["trace", LONG], ["completion", LONG], ["bench", "m.plan", "--seconds", LONG],
    ["build", "m.plan", "--" + LONG],
]  # fmt: skip


def test_no_command_quotes_more_than_200_characters(tmp_path):
    linear = tenon.build(linear_network(), tactics="first")
    linear.save(tmp_path / "m.plan")
    np.savez(tmp_path / "w.npz", w=W)
    wrong = []
    for command in COMMANDS:
        done = subprocess.run([CLI, *command], cwd=tmp_path, capture_output=True, text=True)
        if done.returncode == 0 or "q" * 201 in done.stderr + done.stdout:
            wrong.append(([word[:20] for word in command], done.returncode, (done.stderr + done.stdout)[:300]))
    assert not wrong
