"""A checkpoint with the setting's adapter as PEFT loads it, and its loss. Importing it loads PyTorch."""

import warnings

import torch
from peft import PeftModel
from setting import padded
from transformers import AutoModelForCausalLM
from transformers.utils import logging

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()


def load_base(options, attention="sdpa"):
    torch.set_num_threads(options.threads)
    return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation=attention)


def load_adapted(options, setting, attention):
    model = PeftModel.from_pretrained(load_base(options, attention), setting.folder / "adapter", is_trainable=True)
    return model.train()


def tensors(rows):
    """A batch as transformers' models take it."""
    inputs, labels, mask = map(torch.tensor, padded(rows))
    return {"input_ids": inputs, "labels": labels, "attention_mask": mask}


def loss_of(model, batch):
    """The mean cross-entropy over the batch's scored tokens."""
    return model(**batch, use_cache=False).loss


def adapter_tensors(model, setting):
    """The trained tensors in the setting's order."""
    found = {name.replace(".default", ""): values for name, values in model.named_parameters()}
    return [found["base_model.model." + name] for name in setting.names]
