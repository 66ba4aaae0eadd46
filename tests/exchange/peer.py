"""PEFT's half of an exchange of adapters on the reference's tiny checkpoints; peft.ts beside it is ours.

peer.py OURS THEIRS: loads what fine-tuning left of every method in OURS, as it is and PEFT's two files of it alone, and compares
logits with those that lie beside it; then writes an adapter of every kind into THEIRS, with its logits.
"""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from peft import (
    EvaConfig,
    GraloraConfig,
    LoraConfig,
    MissConfig,
    PeftModel,
    RandLoraConfig,
    VeraConfig,
    get_peft_model,
    initialize_lora_eva_weights,
)
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"
TOLERANCE = 2e-5  # as in peft.ts
ours, theirs = map(Path, sys.argv[1:3])
batches = json.loads((REFERENCE / "batches.json").read_text())["batches"]


def base_model(architecture):
    return AutoModelForCausalLM.from_pretrained(REFERENCE / "models" / architecture, dtype=torch.float32).eval()


def inputs_of(architecture):
    batch = batches[architecture]
    return {name: torch.tensor(batch[name]) for name in ("input_ids", "attention_mask")}


@torch.no_grad()
def logits_of(model, architecture):
    return model(**inputs_of(architecture)).logits.contiguous()


def targets_of(architecture):
    if architecture == "gpt2":
        return ["c_attn", "c_proj", "c_fc"]
    if architecture == "phi3":
        return ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
    return ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def load_ours():
    worst, count = 0.0, 0
    for folder in sorted(ours.glob("*/*")):
        architecture = folder.parent.name
        with tempfile.TemporaryDirectory() as bare:
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copy(folder / "adapter" / file, bare)
            for place in (folder / "adapter", bare):
                if folder.name == "full":
                    refused(architecture, place, "LAMBDAMAX")
                    continue
                if architecture == "gpt2" and folder.name.startswith("miss"):
                    refused(architecture, place, "Conv1D")
                    continue
                difference = difference_of(architecture, place, folder / "logits")
                if not difference < TOLERANCE:
                    sys.exit(f"{architecture}, {folder.name} ({place}): PEFT's logits are {difference} from ours")
                worst, count = max(worst, difference), count + 1
    if count < 150:
        sys.exit(f"only {count} adapters of ours were found")
    print(f"{count} adapters that we left give their logits in PEFT, to {worst:.1e}")


def difference_of(architecture, adapter, logits):
    model = PeftModel.from_pretrained(base_model(architecture), adapter)
    mask = inputs_of(architecture)["attention_mask"].bool()
    return (logits_of(model, architecture) - load_file(logits)["logits"])[mask].abs().max().item()


def refused(architecture, adapter, word):
    """PEFT has no full fine-tuning, and no MiSS of transposed weights: it must say so, and not compute something else."""
    try:
        PeftModel.from_pretrained(base_model(architecture), adapter)
    except (KeyError, TypeError, ValueError) as error:
        if word in str(error):
            return
        raise
    sys.exit(f"{architecture}: PEFT loads {adapter} as if it knew it")


def configs_of(architecture):
    plain = {"target_modules": targets_of(architecture), "task_type": "CAUSAL_LM"}
    lora = {**plain, "r": 4, "lora_alpha": 6}
    some = {"rank_pattern": {".*0.*c_attn": 2, "layers.0.self_attn.q(kv)?_proj": 2}, "alpha_pattern": {"down_proj": 3, "c_fc": 3}}
    return {
        "lora": LoraConfig(**lora),
        "lora gaussian": LoraConfig(**lora, init_lora_weights="gaussian"),
        "lora patterns": LoraConfig(**lora, **some),
        "rslora": LoraConfig(**lora, use_rslora=True),
        "dora": LoraConfig(**lora, use_dora=True),
        "dora rslora": LoraConfig(**lora, use_dora=True, use_rslora=True),
        "orthogonal": LoraConfig(**lora, init_lora_weights="orthogonal"),
        "pissa": LoraConfig(**lora, init_lora_weights="pissa"),
        # On transposed weights PEFT factorises the wrong orientation.
        **({} if architecture == "gpt2" else {"olora": LoraConfig(**lora, init_lora_weights="olora")}),
        "eva": LoraConfig(**lora, init_lora_weights="eva", eva_config=EvaConfig(rho=2.0)),
        "gralora": GraloraConfig(**plain, r=4, alpha=6, gralora_k=2),
        "gralora hybrid": GraloraConfig(**plain, r=4, alpha=6, gralora_k=4, hybrid_r=2),
        **({} if architecture == "gpt2" else miss_configs(plain)),
        "randlora": RandLoraConfig(**plain, r=5, randlora_alpha=100, projection_prng_key=1, save_projection=True),
        "vera": VeraConfig(**plain, r=6, projection_prng_key=1, save_projection=True),
    }


def miss_configs(plain):
    return {
        "miss": MissConfig(**plain, r=5),
        "miss random": MissConfig(**plain, r=3, init_weights=False),
        "miss bat": MissConfig(**plain, r=4, init_weights="bat"),
        "miss mini": MissConfig(**plain, r=7, init_weights="mini", mini_r=4),
    }


def write_theirs():
    for architecture in ("llama", "qwen3", "gpt2", "phi3"):
        for name, config in configs_of(architecture).items():
            torch.manual_seed(0)
            model = get_peft_model(base_model(architecture), config).eval()
            if name == "eva":
                initialize_lora_eva_weights(model, [inputs_of(architecture)], show_progress_bar=False)
            folder = theirs / architecture / name
            conversion = {}
            if name in ("pissa", "olora"):
                # These change the base: the initial adapter is kept, for conversion into a plain LoRA.
                model.peft_config["default"].init_lora_weights = True
                model.save_pretrained(folder / "initial")
                conversion = {"path_initial_model_for_weight_conversion": str(folder / "initial")}
                model.peft_config["default"].init_lora_weights = name
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.requires_grad:
                        parameter += 0.02 * torch.randn_like(parameter)
            logits = logits_of(model, architecture)
            model.save_pretrained(folder, **conversion)
            save_file({"logits": logits}, folder / "logits")


load_ours()
write_theirs()
