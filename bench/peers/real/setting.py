"""What the peers of the bench `real` share: the command line, the rows, the clock and the report (see ../../real/measure.ts)."""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

# What the other benches' peers have is found as well.
sys.path.append(str(Path(__file__).parents[1]))


def arguments():
    """The command line. NumPy must not be imported before: its threads are settled then."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", required=True)
    parser.add_argument("--setting", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--began", type=float, required=True)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--kept")
    parser.add_argument("--result", type=Path)
    parser.add_argument("--truth", type=float)
    parser.add_argument("--tolerance", type=float)
    options = parser.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)
    return options


class Setting:
    """What setting.json says."""

    def __init__(self, options):
        self.folder = options.setting
        said = json.loads((options.setting / "setting.json").read_text())
        self.batch_size, self.rows, self.searched = said["batchSize"], said["rows"], said["searched"]
        self.prompts, self.new_tokens = said["prompts"], said["newTokens"]
        self.names = [parameter["name"] for parameter in said["parameters"]]
        self.shapes = [parameter["shape"] for parameter in said["parameters"]]

    def direction(self):
        """The direction's part for each tensor, in order, in NumPy."""
        import numpy as np

        flat = np.fromfile(self.folder / "direction.f32", np.float32)
        pieces = np.split(flat, np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes)]

    def batches(self, rows):
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]


def padded(rows):
    """Tokens, labels and mask [rows, length], filled up on the right to the longest row, as lists."""
    length = max(len(row["inputIds"]) for row in rows)
    fill = lambda values, value: values + [value] * (length - len(values))
    return (
        [fill(row["inputIds"], 0) for row in rows],
        [fill(row["labels"], -100) for row in rows],
        [fill([1] * len(row["inputIds"]), 0) for row in rows],
    )


def scored(rows):
    """Scored tokens; the first of a row has none before it that could predict it."""
    return sum(label != -100 for row in rows for label in row["labels"][1:])


def since_start(options):
    """Milliseconds since the process was started."""
    return 1000 * time.time() - options.began


def cpu_milliseconds():
    """What all threads together have computed in so far."""
    return 1000 * time.process_time()


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def repeated(options, action):
    """The action's first result, and the times that a report has: of `repeats` more."""
    setup = since_start(options)
    first = action()
    return first, {"setupMilliseconds": setup, "firstMilliseconds": since_start(options), **timed(options, action)}


def timed(options, action, steps=1):
    """What the action takes, `repeats` times, in parts of so many steps."""
    milliseconds, cpu = [], []
    for _ in range(options.repeats):
        began, cpu_began = time.perf_counter(), cpu_milliseconds()
        action()
        milliseconds.append(1000 * (time.perf_counter() - began) / steps)
        cpu.append((cpu_milliseconds() - cpu_began) / steps)
    return {"milliseconds": milliseconds, "cpuMilliseconds": cpu}


def report(found):
    print(json.dumps(found))
