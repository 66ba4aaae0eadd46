"""TRL's half of a comparison of tokens and masks; text.ts beside it is ours.

text.py DIR: makes tokenizers of five kinds from a seed, and for each a folder with every chat template; then has SFTTrainer's own
preparation of data sets tokenise rows of every form. DIR/FOLDER gets tokenizer.json, tokenizer_config.json, chat_template.jinja;
DIR/expected.jsonl a line a row: folder, what is trained on, row, input_ids and labels.
"""

import json
import random
import shutil
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import trl
from datasets import IterableDataset
from datasets.utils.logging import disable_progress_bar
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.utils import logging
from trl.trainer.sft_trainer import SFTTrainer

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
disable_progress_bar()
out = Path(sys.argv[1])
rng = random.Random(20261130)
MAX_LENGTH = 1000

# What the templates below write, and what TRL takes for the end of a text.
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>",
           "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|user|>", "<|assistant|>", "<|system|>",
           "<|end|>", "[INST]", "[/INST]", "<tool_call>", "</tool_call>", "<think>", "</think>",
           "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"]

NAMES = "Ann Ben Carla Dmitri Ève Farid Günther Hana 伊藤 Jörg".split()
THINGS = "hats apples pencils marbles stamps cookies naïve-shells クッキー 🍎s tickets".split()
VERBS = "finds buys loses sells gives draws counts paints hides".split()


def sentence():
    words = [rng.choice(NAMES), rng.choice(VERBS), str(rng.randrange(1, 5000)), rng.choice(THINGS)]
    if rng.random() < 0.3:
        words.append(rng.choice(["and then", "but  only", "(maybe)", "\tto", "—", "don't", "we'LL", "x=3*4;"]))
        words.append(sentence())
    return " ".join(words)


def text():
    end = rng.choice([".", "?", "!", "", " .", "\n", " "])
    begin = rng.choice(["", "", "", " ", "\n", "  ", "\u00a0"])
    return begin + rng.choice([" ", "\n", "\n\n"]).join(sentence() for _ in range(rng.randrange(1, 3))) + end


CORPUS = [text() for _ in range(400)] + ["Question: 1+1? Answer: 2"] * 20 + ["user assistant system tool model think"] * 20
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_SPLIT = QWEN_SPLIT.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)


def trained(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def with_bos(tokenizer, bos):
    return processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))])


def byte_level():
    """As GPT-2's: bytes, its own regular expression, nothing before a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return trained(tokenizer, trainers.BpeTrainer(vocab_size=700, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))


def sentencepiece_bpe():
    """As Llama 2's: a normalizer that writes spaces as ▁ and one before every text, bytes for what is unknown, bos."""
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    start = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    start.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer = trained(start, trainers.BpeTrainer(vocab_size=900, special_tokens=[*SPECIAL, *bytes_], limit_alphabet=60))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = with_bos(tokenizer, "<s>")
    return tokenizer


def unigram():
    """As T5's and XLM-R's: Unigram on words that Metaspace splits."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer = trained(tokenizer, trainers.UnigramTrainer(vocab_size=500, special_tokens=SPECIAL, unk_token="<unk>"))
    tokenizer.post_processor = with_bos(tokenizer, "<s>")
    return tokenizer


def llama3():
    """As Llama 3's: bytes, its own splitting, whole words before merges, bos."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer = trained(tokenizer, trainers.BpeTrainer(vocab_size=700, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), with_bos(tokenizer, "<|begin_of_text|>")])
    return tokenizer


def metaspace_first():
    """As Gemma's and the newer SentencePiece ones: ▁ before the first word alone, unknown text in bytes, words not split."""
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer = trained(tokenizer, trainers.BpeTrainer(vocab_size=900, special_tokens=[*SPECIAL, *bytes_], limit_alphabet=60))
    tokenizer.post_processor = with_bos(tokenizer, "<s>")
    return tokenizer


KINDS = {make.__name__: make for make in (byte_level, sentencepiece_bpe, unigram, llama3, metaspace_first)}
# Classes of transformers that build their own steps around a vocabulary, whatever tokenizer.json says.
CLASSES = {"sentencepiece_bpe": ["LlamaTokenizer", "GemmaTokenizerFast"], "byte_level": ["Qwen2Tokenizer"], "llama3": ["GPT2Tokenizer"]}
ENDS = {"byte_level": "<|endoftext|>", "llama3": "<|eot_id|>"}

# Templates that TRL ships, which are those of the models, and others after those of the models that they are named for.
SHIPPED = ["llama3", "llama3_1", "qwen2_5", "qwen3", "gemma", "gemma3", "phi3", "deepseek_r1_distill", "glm4moe", "qwen2_5_training", "qwen3_training", "llama3_training"]
OWN = {
    "llama2": "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    "mistral": "{{ bos_token }}{%- for message in messages %}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('roles must alternate') }}{%- endif %}{%- if message['role'] == 'user' %}{{- '[INST] ' + message['content'] + ' [/INST]' }}{%- else %}{{- ' ' + message['content'] + eos_token }}{%- endif %}{%- endfor %}",
    "smollm": "{%- if tools %}<|im_start|>system\nTools:\n{%- for tool in tools %}\n{{ tool | tojson(indent=2) }}\n{%- endfor %}\nfunctions: {{ tools | map(attribute='function') | map(attribute='name') | join(', ') }}<|im_end|>\n{% endif %}{%- for message in messages %}{% if message.role == 'tool' %}<|im_start|>tool {{ message.name }}\n{{ message.content }}<|im_end|>\n{% elif message.role == 'assistant' %}<|im_start|>assistant\n{% generation %}{% if message.content %}{{ message.content }}{% endif %}{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>{% endgeneration %}\n{% else %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
}
WITH_TOOLS = {"qwen2_5", "qwen3", "llama3_1", "glm4moe", "smollm", "qwen2_5_training", "qwen3_training"}
ROLES_ALTERNATE = {"gemma", "gemma3", "mistral", "llama2"}

TOOL = {"type": "function", "function": {"name": "add", "description": "adds «two» numbers", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer", "description": "first"}, "b": {"type": "integer", "enum": [1, 2, 3]}}, "required": ["a", "b"]}}}


def conversation(template):
    turns = []
    if template not in ("gemma", "mistral") and rng.random() < 0.4:
        turns.append({"role": "system", "content": text().strip() or "Be brief."})
    thinks = template in ("qwen3", "deepseek_r1_distill", "glm4moe")
    for _ in range(rng.randrange(1, 4)):
        turns.append({"role": "user", "content": text()})
        thought = f"<think>\n{sentence()}\n</think>\n\n" if thinks and rng.random() < 0.4 else ""
        turns.append({"role": "assistant", "content": thought + text()})
    row = {"messages": turns}
    if template in WITH_TOOLS and rng.random() < 0.6:
        call = {"type": "function", "function": {"name": "add", "arguments": {"a": rng.randrange(9), "b": 2, "note": "ü\n\"x\""}}}
        turns[-1:-1] = [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "name": "add", "content": "5"}]
        row["tools"] = json.dumps([TOOL]) if rng.random() < 0.3 else [TOOL]
    if template in ("qwen3", "glm4moe") and rng.random() < 0.3:
        row["chat_template_kwargs"] = {"enable_thinking": rng.random() < 0.5}
    return row


def prepare(tokenizer, rows, assistant_only, completion_only):
    """What SFTTrainer makes of rows: [id, input_ids, labels] of each that it keeps."""
    trainer = SimpleNamespace(_tokenizer=tokenizer, chat_template=None, completion_only_loss=completion_only)
    args = SimpleNamespace(dataset_num_proc=None, dataset_text_field="text", assistant_only_loss=assistant_only,
                           max_length=MAX_LENGTH, truncation_mode="keep_start", shuffle_dataset=False)
    numbered = [{"id": index, **row} for index, row in enumerate(rows)]
    dataset = IterableDataset.from_generator(lambda: iter(json.loads(json.dumps(numbered))))
    prepared = SFTTrainer._prepare_dataset(trainer, dataset, tokenizer, args, False, None, "train")
    return [(row["id"], row["input_ids"], row["labels"]) for row in prepared]


def main():
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    lines = []

    def expect(folder, tokenizer, given, shown, train_on="last", assistant_only=False, completion_only=True, template=None):
        for index, input_ids, labels in prepare(tokenizer, given, assistant_only, completion_only):
            lines.append({"folder": folder, "trainOn": train_on, "row": shown[index], "input_ids": input_ids, "labels": labels,
                          **({"template": template} if template else {})})

    shipped = Path(trl.__file__).parent / "chat_templates"
    templates = {name: (shipped / f"{name}.jinja").read_text() for name in SHIPPED} | OWN
    for kind, make in KINDS.items():
        plain = out / kind
        plain.mkdir()
        backend = make()
        backend.save(str(plain / "tokenizer.json"))
        bos = "<|begin_of_text|>" if kind == "llama3" else "<s>"
        (plain / "tokenizer_config.json").write_text(json.dumps(
            {"tokenizer_class": "TokenizersBackend", "bos_token": bos, "eos_token": ENDS.get(kind, "</s>"), "unk_token": "<unk>"}))
        tokenizer = AutoTokenizer.from_pretrained(plain)
        pairs = [{"prompt": text(), "completion": text()} for _ in range(12)]
        expect(kind, tokenizer, pairs, pairs)
        # The fields and templates of ours are texts that TRL is given as prompt and completion.
        questions = [{"question": text(), "answer": text()} for _ in range(8)]
        expect(kind, tokenizer, [{"prompt": f"Question: {row['question']}\nAnswer:", "completion": f" {row['answer']}"} for row in questions], questions)
        expect(kind, tokenizer, [{"prompt": f"Q {row['question']}\n", "completion": row["answer"]} for row in questions], questions, template="Q {question}\n")
        texts = [{"text": text()} for _ in range(6)]
        expect(kind, tokenizer, texts, texts, completion_only=False)
        for name in CLASSES.get(kind, []):
            for legacy in [{}, {"legacy": True}] if name == "LlamaTokenizer" else [{}]:
                folder = out / f"{kind}-{name}{len(legacy)}"
                shutil.copytree(plain, folder)
                config = json.loads((folder / "tokenizer_config.json").read_text())
                (folder / "tokenizer_config.json").write_text(json.dumps({**config, **legacy, "tokenizer_class": name}))
                (folder / "chat_template.jinja").write_text(templates["zephyr"])
                tokenizer = AutoTokenizer.from_pretrained(folder)
                rows = [conversation("zephyr") for _ in range(4)]
                split = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows]
                expect(folder.name, tokenizer, split, rows)
                expect(folder.name, tokenizer, pairs[:6], pairs[:6])
        for name, template in templates.items():
            folder = out / f"{kind}-{name}"
            shutil.copytree(plain, folder)
            (folder / "chat_template.jinja").write_text(template)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            rows = [conversation(name) for _ in range(4)]
            rest = [{key: value for key, value in row.items() if key != "messages"} for row in rows]
            split = [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:], **more} for row, more in zip(rows, rest)]
            expect(folder.name, tokenizer, split, rows)
            expect(folder.name, tokenizer, split[:1], split[:1])
            if "generation %}" in template:
                expect(folder.name, tokenizer, rows, rows, "all", assistant_only=True, completion_only=False)
    (out / "expected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{len(lines)} rows by TRL {trl.__version__}, {len(KINDS)} kinds of tokenizer, {len(templates)} chat templates")


main()
