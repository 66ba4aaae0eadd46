"""
The start of one method on all linear layers by PEFT, and the loss there. Modes: pissa_niter_16, olora, lora_ga; and those that take
minutes, of one block alone, as often as there are blocks: pissa, and svd, the singular pairs that MiLoRA takes its end of.
"""

from setting import Setting, arguments, cpu_milliseconds, peak_megabytes, report, since_start

options = arguments()

import torch
from peft import LoraConfig, get_peft_model
from peft_model import load_base, loss_of, tensors

setting = Setting(options)
batch = tensors(setting.batches(setting.rows)[0])
base = load_base(options)
setup = since_start(options)
# "all-linear" by names, which preprocess_loraga and layers_to_transform ask for.
targets = sorted({name.rsplit(".", 3)[-3] for name in setting.names})
config = {"r": 8, "lora_alpha": 16, "target_modules": targets}
blocks = len(base.model.layers)
middle = blocks // 2


def lora_ga():
    from peft import LoraGAConfig
    from peft.tuners.lora.loraga import preprocess_loraga

    whole = LoraConfig(**config, init_lora_weights="lora_ga", lora_ga_config=LoraGAConfig())
    preprocess_loraga(base, whole, lambda: loss_of(base, batch).backward())
    return get_peft_model(base, whole)


def pissa_of_one_block():
    return get_peft_model(base, LoraConfig(**config, init_lora_weights="pissa", layers_to_transform=[middle]))


def svd_of_one_block():
    for module in base.model.layers[middle].modules():
        if isinstance(module, torch.nn.Linear):
            torch.linalg.svd(module.weight.data, full_matrices=False)
    return base


def by_name():
    return get_peft_model(base, LoraConfig(**config, init_lora_weights=options.mode))


start, times = {
    "lora_ga": (lora_ga, 1),
    "pissa": (pissa_of_one_block, blocks),
    "svd": (svd_of_one_block, blocks),
}.get(options.mode, (by_name, 1))
began, cpu_began = since_start(options), cpu_milliseconds()
model = start()
milliseconds = times * (since_start(options) - began)
found = {
    "setupMilliseconds": setup,
    "firstMilliseconds": setup + milliseconds,
    "milliseconds": [milliseconds],
    "cpuMilliseconds": [times * (cpu_milliseconds() - cpu_began)],
    "peakMegabytes": peak_megabytes(),
}
with torch.no_grad():
    loss = loss_of(model.eval(), batch).item()
report({"losses": [loss], **found})
