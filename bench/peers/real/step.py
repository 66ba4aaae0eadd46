"""Training steps of LoRA by PEFT, AdamW. Modes: sdpa, eager (the attention)."""

from setting import Setting, arguments, peak_megabytes, report, since_start, timed

options = arguments()

import torch
from peft_model import load_adapted, loss_of, tensors

# As in ../../subjects/real/step.ts.
LEARNING_RATE = 2e-4

setting = Setting(options)
model = load_adapted(options, setting, options.mode)
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0, fused=True)
batches = [tensors(rows) for rows in setting.batches(setting.rows)]


def step(batch):
    loss = loss_of(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def steps(some):
    return [step(batch) for batch in some]


setup = since_start(options)
losses = steps(batches[:1])
first = since_start(options)
losses += steps(batches[1:])
times = timed(options, lambda: steps(batches), len(batches))
report(
    {
        "losses": losses,
        "setupMilliseconds": setup,
        "firstMilliseconds": first,
        **times,
        "peakMegabytes": peak_megabytes(),
    }
)
