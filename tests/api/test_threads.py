"""Threads beside each other, and Ctrl-C."""

import asyncio
import concurrent.futures
import faulthandler
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from linear import B, W, X, large_network, linear_engine

import tenon


class Ticker:
    """A thread of Python that counts; it stands still while another holds the GIL."""

    def __enter__(self):
        self.ticks, self.over = 0, False
        self.thread = threading.Thread(target=self.count)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()

    def count(self):
        while not self.over:
            self.ticks += 1
            time.sleep(0.0005)


def ticks_during(work):
    with Ticker() as ticker:
        before = ticker.ticks
        work()
        return ticker.ticks - before


@pytest.fixture(scope="module")
def large():
    return large_network()


@pytest.fixture(scope="module")
def weights():
    """Slow to read: transposed, and of another dtype."""
    return {f"w{i}": np.full((2048, 2048), 2.0**-11).T for i in range(4)}


def test_other_threads_go_on_while_building_running_and_refitting(large, weights, device, tmp_path):
    engine = tenon.build(large, device=device, tactics="first")
    x = np.ones((256, 2048), np.float32)
    work = {
        "build": lambda: tenon.build(large, device=device, tactics="first"),
        "run": lambda: engine(x),
        "refit": lambda: engine.refit(weights),
        "save": lambda: engine.save(tmp_path / "large.plan"),
        "load": lambda: tenon.load(tmp_path / "large.plan"),
        "digest": lambda: [weight.digest for weight in engine.weights.values()],
    }
    ticks = {name: ticks_during(step) for name, step in work.items()}
    assert min(ticks.values()) >= 3, ticks


def test_eight_threads_call_one_engine(lenet, digits):
    want = [lenet(digits[i : i + 1 + i % 3]) for i in range(64)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            got = list(pool.map(lambda i: lenet(digits[i : i + 1 + i % 3]), range(64)))
            assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))


def test_every_answer_under_refits_is_of_one_version(linear):
    answers = {version: X @ (version * W) + version * B for version in range(1, 200)}

    def ask():
        wrong = 0
        while not over.is_set():
            outputs = linear.run({"x": X})
            wrong += not np.array_equal(outputs["y"], answers[outputs.version])
        return wrong

    over = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        for version in range(2, 200):
            assert linear.refit({"w": version * W, "b": version * B}).version == version
        over.set()
        assert [each.result() for each in asked] == [0] * 4


def test_one_refitter_serves_one_thread(large, weights, device):
    engine = tenon.build(large, device=device, tactics="first")
    refitter = engine.refitter()
    for name, array in weights.items():
        refitter.borrow(name, array)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        commit = pool.submit(refitter.commit)
        refused = 0
        while not commit.done():
            try:
                refitter.missing()
            except tenon.Error as error:
                refused += error.code == "invalid_input"
            time.sleep(0.001)
        assert commit.result().version == 2 and refused > 0


# --- Ctrl-C


def interrupted(work, after):
    """Runs `work` and sends SIGINT to this thread meanwhile; True where it ended by KeyboardInterrupt."""
    timer = threading.Timer(after, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    try:
        timer.start()
        work()
        timer.join()
        return False
    except KeyboardInterrupt:
        return True


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cancelled(engine, weights, other):
    """True once Ctrl-C ended a refit before it was done; on a busy machine the signal comes too late at times."""
    whole = seconds(lambda: engine.refit(weights))
    for _ in range(20):
        before = engine.refit(other).version
        assert interrupted(lambda: engine.refit(weights), whole / 20)
        if engine.version == before:
            return True
    return False


def test_ctrl_c_cancels_a_refit_and_nothing_has_changed(large, weights, device):
    engine = tenon.build(large, device=device, tactics="first")
    x = np.ones((1, 2048), np.float32)
    other = {name: 2 * array for name, array in weights.items()}
    engine.refit(other)
    want = engine(x)
    assert cancelled(engine, weights, other)
    assert np.array_equal(engine(x), want)
    engine.refit(weights)  # and it goes on
    assert not np.array_equal(engine(x), want)


def test_ctrl_c_cancels_a_refit_in_a_forked_child(large, weights, device):
    if device != "cpu":
        pytest.skip("a device's engine is refused in the child")
    engine = tenon.build(large, device=device, tactics="first")
    engine.refit(weights)  # a watcher for Ctrl-C runs in this process
    child = os.fork()
    if child == 0:
        os._exit(0 if cancelled(engine, weights, weights) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_ctrl_c_cancels_a_build(device, tmp_path, monkeypatch):
    def build(cache):
        monkeypatch.setenv("TENON_CACHE_DIR", str(tmp_path / cache))  # where nothing has been timed yet
        return tenon.build(net, device=device, tactics="time")

    net = tenon.Network()
    x = net.input("x", ["n", 64, 48, 48])
    for i in range(6):
        weight = net.weight(f"w{i}", np.zeros((64 + i, 64 + max(i - 1, 0), 3, 3), np.float32))
        x = net.conv(x, weight, pads=[1] * 4)
    net.output("y", x)
    def timed(cache):
        return sum(len(file.read_text().splitlines()) for file in (tmp_path / cache).rglob("*.txt"))

    whole = seconds(lambda: build("whole"))
    assert interrupted(lambda: build("cancelled"), whole / 20)
    assert timed("cancelled") < timed("whole")


def test_a_ctrl_c_between_two_works_stops_neither(linear):
    handler = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        for i in range(20):
            linear.refit({"b": B + i})
            signal.raise_signal(signal.SIGINT)
        assert linear.version == 21
    finally:
        signal.signal(signal.SIGINT, handler)


def test_an_ignored_sigint_stays_ignored(large, weights, device):
    engine = tenon.build(large, device=device, tactics="first")
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert not interrupted(lambda: engine.refit(weights), 0.01)
        assert engine.version == 2
    finally:
        signal.signal(signal.SIGINT, handler)


def test_a_thread_that_is_not_the_main_one_builds_and_refits(device):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        engine = pool.submit(linear_engine, device).result()
        assert pool.submit(engine.refit, {"b": B + 1}).result().version == 2
    assert np.array_equal(engine(X), X @ W + B + 1)

def test_submitted_runs_are_futures_in_the_order_of_the_calls(device):
    engine = linear_engine(device)
    order = []
    futures = [engine.submit({"x": X * i}) for i in range(20)]
    for i, future in enumerate(futures):
        future.add_done_callback(lambda _, i=i: order.append(i))
    for i, future in enumerate(futures):
        np.testing.assert_allclose(future.result()["y"], X * i @ W + B, rtol=1e-5)
        assert future.result().version == 1
    assert order == sorted(order)


def test_asyncio_awaits_a_submitted_run(device):
    engine = linear_engine(device)
    out = np.zeros_like(X @ W)

    async def both():
        return await asyncio.gather(
            asyncio.wrap_future(engine.submit({"x": X})),
            asyncio.wrap_future(engine.submit({"x": X}, out={"y": out})),
        )

    first, second = asyncio.run(both())
    np.testing.assert_array_equal(first["y"], out)
    assert second["y"] is out


def test_a_submitted_run_gives_its_error_to_the_future_and_outlives_the_engine(device):
    engine = linear_engine(device)
    wrong, right = engine.submit({"z": X}), engine.submit({"x": X})
    del engine
    with pytest.raises(tenon.InputError, match='"z"'):
        wrong.result()
    np.testing.assert_allclose(right.result()["y"], X @ W + B, rtol=1e-5)


# --- fork


def in_child(work, seconds=20):
    """What `work` says of itself in a child of this process; a child that hangs is killed, and told of."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        faulthandler.dump_traceback_later(seconds / 2, file=sys.__stderr__)  # where it hangs
        try:
            said = work() or "done"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    return said if status == 0 else f"killed by signal {status & 127}"


def every_entry_point(engine, folder):
    """Uses all of a child's engine that waits for anything, and compares with NumPy."""

    def work():
        (width, _), n = engine.weights["w0"].shape, len(engine.weights)
        x = np.ones((2, width), np.float32)
        engine.refit({f"w{i}": np.full((width, width), 2 / width, np.float32) for i in range(n)})
        np.testing.assert_array_equal(engine(x), x * 2**n)
        np.testing.assert_array_equal(engine.submit({"x": x}).result()["y"], x * 2**n)
        engine.publish(engine.current)
        engine.save(folder / f"{os.getpid()}.plan")
        np.testing.assert_array_equal(tenon.load(folder / f"{os.getpid()}.plan")(x), x * 2**n)
        refitter = engine.refitter()
        refitter.set("w0", np.zeros((width, width), np.float32))
        refitter.commit()
        assert not engine(x).any() and engine.weights["w0"].digest
        tenon.build(large_network(1, 64), tactics="first")

    return work


def refused_on_a_device(engine, memory):
    prepare = [lambda: engine.refitter().prepare()] if memory == "double" else []

    def work():
        for entry in (
            *prepare,
            lambda: engine(np.ones((1, 512), np.float32)),
            lambda: engine.refit({"w0": np.ones((512, 512), np.float32)}),
            lambda: engine.to_bytes(),
        ):
            with pytest.raises(tenon.Error, match="in the child of a fork") as caught:
                entry()
            assert caught.value.code == "unavailable"

    return work


@pytest.mark.parametrize("busy", ["refit", "run", "submit", "build", "save", "load"])
@pytest.mark.parametrize("memory", ["double", "in_place"])
def test_a_fork_beside_another_threads_work_has_a_child_that_works(busy, memory, device, tmp_path):
    net = large_network(3, 512)
    engine = tenon.build(net, device=device, tactics="first", memory=memory)
    x = np.ones((64, 512), np.float32)
    weights = {f"w{i}": np.full((512, 512), 2 / 512).T for i in range(3)}
    engine.save(tmp_path / "a.plan")
    work = {
        "refit": lambda: engine.refit(weights),
        "run": lambda: engine(x),
        "submit": lambda: engine.submit({"x": x}).result(),
        "build": lambda: tenon.build(net, device=device, tactics="first"),
        "save": lambda: engine.save(tmp_path / "b.plan"),
        "load": lambda: tenon.load(tmp_path / "a.plan"),
    }[busy]
    over = threading.Event()

    def go_on():
        while not over.is_set():
            work()

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        check = every_entry_point(engine, tmp_path) if device == "cpu" else refused_on_a_device(engine, memory)
        for i in range(8):
            time.sleep(0.0015 * i)
            assert in_child(check) == "done"
    finally:
        over.set()
        for thread in threads:
            thread.join()
    engine(x)


def test_a_child_whose_parent_was_writing_in_place_is_not_ready_until_refitted(large, device):
    if device != "cpu":
        pytest.skip("a device's engine is refused in a child")
    engine = tenon.build(large, tactics="first", memory="in_place")
    x = np.ones((1, 2048), np.float32)
    slow = {f"w{i}": np.full((2048, 2048), 2.0**-10).T for i in range(4)}

    def work():
        try:
            before = engine(x)
        except tenon.NotReadyError:
            engine.refit({name: np.full((2048, 2048), 2.0**-11, np.float32) for name in slow})
            return "refitted" if np.array_equal(engine(x), x) else "wrong"
        return "whole" if before.min() == before.max() and before[0, 0] in (1, 16) else "mixed"

    said = set()
    whole = seconds(lambda: engine.refit(slow))
    for i in range(20):
        thread = threading.Thread(target=engine.refit, args=(slow,))
        thread.start()
        time.sleep(whole * i / 20)
        said.add(in_child(work))
        thread.join()
        assert np.array_equal(engine(x), 16 * x)
        engine.refit({name: np.full((2048, 2048), 2.0**-11, np.float32) for name in slow})
    assert said <= {"refitted", "whole"} and "refitted" in said
