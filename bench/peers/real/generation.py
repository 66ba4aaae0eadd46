"""Continues the setting's prompts greedily with transformers' generate, all at once, past every token that would end a text."""

from setting import Setting, arguments, peak_megabytes, repeated, report

options = arguments()

import torch
from peft_model import load_base

setting = Setting(options)
model = load_base(options).eval()
model.generation_config.eos_token_id = None
length = max(map(len, setting.prompts))
inputs = torch.tensor([[0] * (length - len(prompt)) + prompt for prompt in setting.prompts])
mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in setting.prompts])


@torch.no_grad()
def generate():
    settings = {"max_new_tokens": setting.new_tokens, "do_sample": False, "pad_token_id": 0}
    return model.generate(inputs, attention_mask=mask, **settings)[:, length:].tolist()


tokens, times = repeated(options, generate)
report({"losses": [], **times, "peakMegabytes": peak_megabytes(), "tokens": tokens})
