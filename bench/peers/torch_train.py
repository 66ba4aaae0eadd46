"""Training steps of LoRA by PEFT on PyTorch, as transformers' Llama is fine-tuned. Modes: sdpa, eager (the attention)."""

import json
import resource
import time

from problem import arguments

import numpy as np
import torch
import torch.nn.functional as F
from peft import PeftModel
from transformers import LlamaForCausalLM

# As in ../subjects/train.ts: AdamW at this rate, and the parameters after so many steps are the result.
LEARNING_RATE, UNTIMED = 1e-3, 3

options = arguments()
torch.set_num_threads(options.threads)

started = time.perf_counter()
description = json.loads((options.problem / "parameters.json").read_text())
tokens = np.fromfile(options.problem / "tokens.i32", np.int32).reshape(description["rows"], -1)
inputs = torch.from_numpy(tokens[:, :-1].copy()).long()
base = LlamaForCausalLM.from_pretrained(options.problem, dtype=torch.float32, attn_implementation=options.mode)
model = PeftModel.from_pretrained(base, options.problem / "adapter", is_trainable=True)
model.train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0, fused=True)


def step():
    logits = model(input_ids=inputs, use_cache=False).logits
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), inputs[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def parameters():
    found = {name.replace(".default", ""): values for name, values in model.named_parameters()}
    names = [parameter["name"] for parameter in description["parameters"]]
    return np.concatenate([found["base_model.model." + name].detach().numpy().ravel() for name in names])


loss = step()
setup = time.perf_counter() - started
for _ in range(1, UNTIMED):
    loss = step()
parameters().astype(np.float32).tofile(options.result)
milliseconds, cpu_milliseconds = [], []
end = time.perf_counter() + options.seconds
while not milliseconds or (len(milliseconds) < options.repeats and time.perf_counter() < end):
    began, cpu_began = time.perf_counter(), time.process_time()
    step()
    milliseconds.append(1000 * (time.perf_counter() - began))
    cpu_milliseconds.append(1000 * (time.process_time() - cpu_began))
report = {
    "loss": loss,
    "setupMilliseconds": 1000 * setup,
    "milliseconds": milliseconds,
    "cpuMilliseconds": cpu_milliseconds,
    "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
}
print(json.dumps(report))
