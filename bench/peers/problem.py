"""What PyTorch's and JAX's side share: reading a problem (see ../problem.ts), measuring, reporting (see ../subject.ts)."""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", required=True)
    parser.add_argument("--problem", type=Path, required=True)
    parser.add_argument("--quantity", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--result", type=Path, required=True)
    return parser.parse_args()


def read_safetensors(path):
    """The tensors of a float32 file by name: eight bytes of length, a JSON header, raw values."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[start + first : start + end], np.float32).reshape(entry["shape"])
    return tensors


class Problem:
    """Weights and adapter tensors by name, tokens, a direction, and Llama's numbers; all of it in NumPy."""

    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read_safetensors(folder / "model.safetensors")
        adapter = read_safetensors(folder / "adapter" / "adapter_model.safetensors")
        settings = json.loads((folder / "adapter" / "adapter_config.json").read_text())
        self.scaling = settings["lora_alpha"] / settings["r"]

        description = json.loads((folder / "parameters.json").read_text())
        self.rows, self.length = description["rows"], description["length"]
        self.names = [parameter["name"] for parameter in description["parameters"]]
        self.parameters = {name: adapter["base_model.model." + name] for name in self.names}
        flat = np.fromfile(folder / "direction.f32", np.float32)
        sizes = [self.parameters[name].size for name in self.names]
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        self.direction = {n: piece.reshape(self.parameters[n].shape) for n, piece in zip(self.names, pieces)}
        tokens = np.fromfile(folder / "tokens.i32", np.int32).reshape(self.rows, self.length + 1)
        self.inputs, self.targets = tokens[:, :-1].copy(), tokens[:, 1:].copy()

        # Pair i of position t turns by t theta^(-2i/size); pairs are (i, i + size/2), as transformers has them.
        size = self.config["hidden_size"] // self.config["num_attention_heads"]
        rates = self.config["rope_theta"] ** (-2 * np.arange(size // 2) / size)
        angles = np.arange(self.length)[:, None] * rates
        self.cos, self.sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        self.mask = np.triu(np.full((self.length, self.length), -1e9, np.float32), 1)


def report(options, prepare, to_numpy):
    """
    Measures, and prints the line of results. `prepare()` reads and compiles, and returns a function of no arguments that
    computes a loss (or None) and a dictionary of tensors by parameter (or None), and does not return before they are there.
    """
    started = time.perf_counter()
    names, run = prepare()
    loss, tensors = run()
    setup = time.perf_counter() - started
    if tensors is not None:
        np.concatenate([to_numpy(tensors[name]).ravel() for name in names]).astype(np.float32).tofile(options.result)
    milliseconds, cpu_milliseconds = [], []
    end = time.perf_counter() + options.seconds
    while not milliseconds or (len(milliseconds) < options.repeats and time.perf_counter() < end):
        began, cpu_began = time.perf_counter(), time.process_time()
        run()
        milliseconds.append(1000 * (time.perf_counter() - began))
        cpu_milliseconds.append(1000 * (time.process_time() - cpu_began))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "loss": None if loss is None else float(loss),
                "setupMilliseconds": 1000 * setup,
                "milliseconds": milliseconds,
                "cpuMilliseconds": cpu_milliseconds,
                "peakMegabytes": kilobytes * 1024 / 1e6,
            }
        )
    )
