"""PEFT's half of a comparison of how adapters of others are read; foreignAdapters.ts beside it is ours.

foreignAdapters.py write DIR: saves adapters in all the ways that people save them into DIR/ARCHITECTURE/NAME, with the loss and the
logits that PEFT gives when it loads them again; those that must be refused hold the file `refused`, with the word that the refusal says.
The fields of PEFT's configuration classes lie in DIR/fields.json.
foreignAdapters.py check DIR: loads what we saved of the same adapters, and what we merged, and compares logits.
"""

import copy
import dataclasses
import json
import shutil
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import GraloraConfig, LoraConfig, MissConfig, PeftModel, RandLoraConfig, VeraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)

REFERENCE = Path(__file__).parents[2] / "fixtures" / "reference"
TOLERANCE = 2e-5  # as in foreignAdapters.ts
ARCHITECTURES = ("llama", "llama-tied", "qwen2", "gpt2")
CLASSES = {
    **{"LORA": LoraConfig, "GRALORA": GraloraConfig, "MISS": MissConfig},
    **{"RANDLORA": RandLoraConfig, "VERA": VeraConfig},
}
action, directory = sys.argv[1], Path(sys.argv[2])
batches = json.loads((REFERENCE / "batches.json").read_text())["batches"]


def base_model(architecture):
    return AutoModelForCausalLM.from_pretrained(REFERENCE / "models" / architecture, dtype=torch.float32).eval()


def inputs_of(architecture):
    batch = batches[architecture.replace("-tied", "")]
    return {name: torch.tensor(batch[name]) for name in ("input_ids", "attention_mask")}


@torch.no_grad()
def logits_of(model, architecture):
    return model(**inputs_of(architecture)).logits.contiguous()


@torch.no_grad()
def loss_of(model, architecture):
    labels = torch.tensor(batches[architecture.replace("-tied", "")]["labels"])
    return model(**inputs_of(architecture), labels=labels).loss.reshape(1)


@contextmanager
def exact_decomposition():
    """PEFT decomposes in float32, which leaves errors of eps s1 / (s[r] - s[r+1]) in the terms that PiSSA takes off the base: up
    to 1e-5 where singular values lie close. Logits are compared without them."""
    svd = torch.linalg.svd
    torch.linalg.svd = lambda weight, **options: [part.float() for part in svd(weight.double(), **options)]
    try:
        yield
    finally:
        torch.linalg.svd = svd


def configs_of(architecture):
    """The configurations by name, each with what `save_pretrained` is given."""
    gpt2 = architecture == "gpt2"
    some = ["c_attn", "c_fc"] if gpt2 else ["q_proj", "v_proj", "down_proj"]
    embedding, norm, block = ("wte", "ln_1", "mlp") if gpt2 else ("embed_tokens", "norm", "layers.1.mlp")
    layers = "h" if gpt2 else "layers"
    plain = {"target_modules": some, "task_type": "CAUSAL_LM"}
    lora = {**plain, "r": 4, "lora_alpha": 6}
    attention = {**lora, "target_modules": ["c_attn"] if gpt2 else ["q_proj", "v_proj"]}
    # Of GPT-2's transposed weights PEFT can factorise the square ones alone.
    square = {**lora, "target_modules": ["attn.c_proj"] if gpt2 else some}
    first = "h.0.attn.c_attn" if gpt2 else "layers.0.self_attn.q_proj"
    patterns = {"rank_pattern": {first: 2}, "alpha_pattern": {some[-1]: 3}}
    gralora = {**plain, "r": 4, "alpha": 6, "gralora_k": 2}
    randlora = {**plain, "r": 5, "randlora_alpha": 100, "save_projection": True}
    vera = {**plain, "r": 6, "save_projection": True}
    return {
        "pissa": LoraConfig(**lora, init_lora_weights="pissa"),
        "pissa rslora": LoraConfig(**lora, init_lora_weights="pissa", use_rslora=True),
        "pissa patterns": LoraConfig(**lora, init_lora_weights="pissa", use_rslora=True, **patterns),
        "pissa dora": LoraConfig(**lora, init_lora_weights="pissa", use_dora=True),
        "pissa with embeddings": LoraConfig(**lora, init_lora_weights="pissa", modules_to_save=[embedding, norm]),
        "olora": LoraConfig(**square, init_lora_weights="olora"),
        "olora in capitals, patterns": LoraConfig(**square, init_lora_weights="OLoRA", rank_pattern={first: 2}),
        "mica": LoraConfig(**lora, init_lora_weights="mica"),
        "random": LoraConfig(**lora, init_lora_weights=False),
        "embeddings saved": LoraConfig(**lora),
        "embedding trained": LoraConfig(**lora, modules_to_save=[embedding]),
        "head trained": LoraConfig(**lora, modules_to_save=["lm_head"]),
        "embedding and head trained": LoraConfig(**lora, modules_to_save=[embedding, "lm_head"]),
        "norms trained": LoraConfig(**lora, modules_to_save=[norm], use_dora=True),
        "block trained": LoraConfig(**attention, modules_to_save=[block]),
        "biases trained": LoraConfig(**lora, bias="all"),
        "biases of the modules trained": LoraConfig(**lora, bias="lora_only", **patterns),
        "tokens trained": LoraConfig(**lora, trainable_token_indices=[7, 1, 30]),
        "tokens of the embedding trained": LoraConfig(**lora, trainable_token_indices={embedding: [5, 2]}),
        "layer 1": LoraConfig(**lora, layers_to_transform=1),
        "layers by pattern": LoraConfig(**lora, layers_to_transform=[0], layers_pattern=layers),
        "some left out": LoraConfig(**lora, exclude_modules=[first]),
        "some left out by expression": LoraConfig(**lora, exclude_modules=rf".*\.(?P<n>1)\..*{some[0]}"),
        "by expression": LoraConfig(**{**lora, "target_modules": rf".*\.0\..*({some[0]}|{some[-1]})$"}),
        "all linear": LoraConfig(**{**lora, "target_modules": "all-linear"}, modules_to_save=["lm_head"]),
        "gralora and norms": GraloraConfig(**gralora, modules_to_save=[norm], layers_to_transform=[1]),
        # PEFT has it of plain linear layers alone.
        **({} if gpt2 else {"miss and norms": MissConfig(**plain, r=5, modules_to_save=[norm], exclude_modules=[first])}),
        "randlora, sparse": RandLoraConfig(**randlora, sparse=True, bias="all"),
        "vera and head": VeraConfig(**vera, modules_to_save=["lm_head"], d_initial=0.3),
    }


def refusals_of(architecture):
    """Changes of a plain LoRA's configuration, each with the word that its refusal must say."""
    return {
        "init_lora_weights": ["pissa_niter_4", "corda", "lora_ga", "loftq", "something"],
        "layer_replication": [[[0, 2], [1, 2]]],
        "alora_invocation_tokens": [[1, 2]],
        "use_qalora": [True],
        "lora_bias": [True],
        "target_parameters": [["experts"]],
        "kasa_config": [{"beta": 1e-4}],
        "not_known_to_us": [3],
        "exclude_modules": ["bad[pattern"],
        "modules_to_save": [["lm_head"]],
        "bias": ["some"],
    }


def trained(architecture, name, config):
    torch.manual_seed(0)
    model = get_peft_model(base_model(architecture), copy.deepcopy(config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.02 * torch.randn_like(parameter)
        if name == "embeddings saved":
            for layer in {model.get_input_embeddings().weight, model.get_output_embeddings().weight}:
                layer += 0.02 * torch.randn_like(layer)
    return model


def write():
    count = 0
    for architecture in ARCHITECTURES:
        for name, config in configs_of(architecture).items():
            folder = directory / architecture / name
            model = trained(architecture, name, config)
            model.save_pretrained(folder, save_embedding_layers=name == "embeddings saved")
            loss = loss_of(PeftModel.from_pretrained(base_model(architecture), folder), architecture)
            with exact_decomposition():
                loaded = PeftModel.from_pretrained(base_model(architecture), folder)
            save_file({"logits": logits_of(loaded, architecture), "loss": loss}, folder / "logits")
            count += 1
        write_refused(architecture)
    fields = {
        kind: {field.name: None for field in dataclasses.fields(one)} | one().to_dict() for kind, one in CLASSES.items()
    }
    (directory / "fields.json").write_text(json.dumps(fields, default=str))
    print(f"{count} adapters of PEFT are written")


def write_refused(architecture):
    gpt2 = architecture == "gpt2"
    lora = {"target_modules": ["c_attn"] if gpt2 else ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "r": 4}
    plain = trained(architecture, "plain", LoraConfig(**lora))

    def refused(name, model, word, change=None, tensors=None):
        folder = directory / architecture / f"refused, {name}"
        model.save_pretrained(folder)
        (folder / "refused").write_text(word)
        file = folder / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | (change or {})))
        if tensors:
            file = folder / "adapter_model.safetensors"
            save_file(load_file(file) | tensors, file)

    for field, values in refusals_of(architecture).items():
        for value in values:
            # What is missing is the tensor that the field asks for.
            word = {"exclude_modules": "bad[pattern", "modules_to_save": "lm_head.weight"}.get(field, field)
            refused(f"{field} {value}", plain, word, {field: value})
    on_head = trained(architecture, "", LoraConfig(**{**lora, "target_modules": [*lora["target_modules"], "lm_head"]}))
    refused("adapter of the head", on_head, "lm_head")
    embedding = "transformer.wte" if gpt2 else "model.embed_tokens"
    on_embedding = {**lora, "target_modules": [*lora["target_modules"], embedding]}
    refused("adapter of the embedding", trained(architecture, "", LoraConfig(**on_embedding)), embedding)
    module = f"transformer.h.0.attn.c_attn" if gpt2 else "model.layers.0.self_attn.q_proj"
    prefix = "base_model.model."
    for name, tensor, word in (
        ("magnitudes", f"{module}.lora_magnitude_vector", "use_dora"),
        ("matrix of an adapted layer", f"{module}.weight", f"{module}.weight"),
        ("bias of the factors", f"{module}.lora_B.bias", "lora_B.bias"),
        ("unknown", "classifier.weight", "classifier.weight"),
        ("resized", f"{embedding}.weight", "resize"),
    ):
        refused(f"tensor, {name}", plain, word, None, {prefix + tensor: torch.ones(101, 32)})
    refused("passed over", plain, module, {"layers_to_transform": [1]})
    if architecture == "gpt2":
        refused("olora of a long matrix", plain, "olora", {"init_lora_weights": "olora"})


def check():
    worst, count = 0.0, 0
    for logits in sorted(directory.glob("*/*/logits")):
        folder, architecture = logits.parent, logits.parent.parent.name
        mask = inputs_of(architecture)["attention_mask"].bool()
        expected = load_file(logits)["logits"]
        again = PeftModel.from_pretrained(base_model(architecture), folder / "again")
        merged = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=torch.float32).eval()
        for what, model in (("saved again", again), ("merged", merged)):
            difference = (logits_of(model, architecture) - expected)[mask].abs().max().item()
            if not difference < TOLERANCE:
                sys.exit(f"{architecture}, {folder.name}, {what}: logits are {difference} from PEFT's")
            worst, count = max(worst, difference), count + 1
    if count < 200:
        sys.exit(f"only {count} adapters were found")
    print(f"{count} adapters of PEFT's, saved again and merged by us, give its logits, to {worst:.1e}")


{"write": write, "check": check}[action]()
