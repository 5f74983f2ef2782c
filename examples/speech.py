"""Where somebody speaks in a recording, by an unmodified Silero VAD.

    ./run python examples/speech.py [RECORDING [RATE]]     16-bit mono WAV; RATE 16000 or 8000 (which leaves every second
    sample out)
"""

import pathlib
import sys
import wave
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tenon

Array = NDArray[Any]

DATA = pathlib.Path(__file__).parent.parent / "tests" / "data" / "silero_vad"
SILENCE = 0.1  # seconds; a shorter pause parts nothing


def read(path: pathlib.Path, rate: int) -> Array:
    with wave.open(str(path)) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), np.int16)
        step = recording.getframerate() // rate
    return samples[::step].astype(np.float32) / 32768


def chances(engine: tenon.Engine, samples: Array, rate: int) -> Array:
    """That there is speech, by window of 32 ms. Each is heard with the end of the one before, and the state goes on."""
    window, before = 32 * rate // 1000, 4 * rate // 1000
    padded = np.concatenate([np.zeros(before, np.float32), samples])
    state: Array = np.zeros((2, 1, 128), np.float32)
    found: list[float] = []
    for start in range(0, len(samples) - window + 1, window):
        heard = padded[None, start : start + before + window]
        made = engine.run({"input": heard, "state": state, "sr": np.array(rate)})
        state = made["stateN"]
        found.append(float(made["output"][0, 0]))
    return np.array(found)


def segments(speech: Array, seconds: float) -> list[tuple[float, float]]:
    """From and to, in seconds, of windows that are so long."""
    parts: list[tuple[float, float]] = []
    for i in np.flatnonzero(speech):
        start, end = i * seconds, (i + 1) * seconds
        if parts and start - parts[-1][1] <= SILENCE:
            parts[-1] = parts[-1][0], end
        else:
            parts.append((start, end))
    return parts


def main(path: pathlib.Path, rate: int) -> None:
    engine = tenon.build(DATA / "silero_vad.onnx")
    parts = segments(chances(engine, read(path, rate), rate) > 0.5, 0.032)
    for start, end in parts:
        print(f"{start:7.2f} s to {end:7.2f} s")
    print(f"{len(parts)} segments, {sum(end - start for start, end in parts):.1f} s of speech in {path.name} at {rate} Hz")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "speech.wav",
         int(sys.argv[2]) if len(sys.argv) > 2 else 16000)
