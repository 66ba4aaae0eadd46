"""
The start of one method on all linear layers by PEFT, and the loss there. Modes: pissa, pissa_niter_16, olora, lora_ga; and svd,
the singular values and vectors that MiLoRA takes its end of, of one layer, as often as there are layers.
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
config = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear"}


def lora_ga():
    from peft import LoraGAConfig
    from peft.tuners.lora.loraga import preprocess_loraga

    # preprocess_loraga needs names: it is called before "all-linear" is resolved.
    names = {name.removeprefix("base_model.model.").rsplit(".", 2)[0].rsplit(".", 1)[-1] for name in setting.names}
    whole = LoraConfig(
        **{**config, "target_modules": sorted(names)}, init_lora_weights="lora_ga", lora_ga_config=LoraGAConfig()
    )
    preprocess_loraga(base, whole, lambda: loss_of(base, batch).backward())
    return get_peft_model(base, whole)


def svd_of_one_layer():
    layer = base.model.layers[len(base.model.layers) // 2]
    for module in layer.modules():
        if isinstance(module, torch.nn.Linear):
            torch.linalg.svd(module.weight.data, full_matrices=False)


model, layers = None, 1
began, cpu_began = since_start(options), cpu_milliseconds()
if options.mode == "svd":
    svd_of_one_layer()
    layers = len(base.model.layers)
elif options.mode == "lora_ga":
    model = lora_ga()
else:
    model = get_peft_model(base, LoraConfig(**config, init_lora_weights=options.mode))
milliseconds = layers * (since_start(options) - began)
found = {
    "setupMilliseconds": setup,
    "firstMilliseconds": setup + milliseconds,
    "milliseconds": [milliseconds],
    "cpuMilliseconds": [layers * (cpu_milliseconds() - cpu_began)],
    "peakMegabytes": peak_megabytes(),
}
with torch.no_grad():
    losses = [] if model is None else [loss_of(model.eval(), batch).item()]
report({"losses": losses, **found})
