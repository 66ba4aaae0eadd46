"""Data files as datasets, pandas and json write them, and packed rows as TRL and transformers make them with transformers'
losses, for rows.ts to read: rows.py FOLDER. Everything is drawn from one seed; no model or data set is fetched."""
import gzip, json, os, random, sys

import pandas, pyarrow, torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM, DataCollatorWithFlattening
from transformers.utils import logging
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

logging.set_verbosity_error()
logging.disable_progress_bar()
disable_progress_bars()
torch.set_num_threads(1)
folder, models = sys.argv[1], "fixtures/reference/models"
draw = random.Random(0)

# --- files ---
# Line ends of other readers, what JSON escapes, and characters of one to four bytes.
pieces = ["a", "é", "€", "😀", "\u2028", "\u2029", "\u0085", "\x0b", "\x1c", "\n", "\r\n", '"', "\\", "[", "]", "{", "},", "\ufeff", "\ufffd", " "]


def text():
    return "".join(draw.choice(pieces) for _ in range(draw.randrange(30)))


def row():
    return {
        "question": text(),
        "answer": text(),
        "input": draw.choice([None, text()]),
        "messages": [{"role": "user", "content": text()} for _ in range(draw.randrange(3))],
        "input_ids": [draw.randrange(97) for _ in range(draw.randrange(5))],
        "score": draw.choice([None, 0.1, 1e-7, 3.0]),
    }


def dataset_of(rows):
    # Without the hash of its content, which dill cannot make of every version of pyarrow's tables.
    return Dataset(pyarrow.Table.from_pylist(rows), fingerprint="rows")


rows = [row() for _ in range(400)]
dataset, table = dataset_of(rows), pandas.DataFrame(rows)


def at(name):
    return os.path.join(folder, name)


dataset.to_json(at("datasets.json"))
dataset.to_json(at("datasets.jsonl.gz"), compression="gzip")
dataset.to_json(at("datasets-unicode.jsonl"), force_ascii=False)
dataset.to_json(at("datasets-array.json"), lines=False, orient="records")
table.to_json(at("pandas-records.json"), orient="records", indent=2)
table.to_json(at("pandas-lines.jsonl"), orient="records", lines=True, force_ascii=False)
table.to_json(at("pandas.json.gz"), orient="records")
with open(at("json-indented.json"), "w", encoding="utf-8-sig", newline="\r\n") as file:
    json.dump(rows, file, ensure_ascii=False, indent=1)
with gzip.open(at("json-lines.json.gz"), "wt", encoding="utf-8", newline="\n") as file:
    file.writelines(json.dumps(one, ensure_ascii=False) + "\n\n" for one in rows)
refused = ["pandas-columns.json", "pandas-split.json", "latin1.jsonl", "utf16.json"]
table.to_json(at("pandas-columns.json"))
table.to_json(at("pandas-split.json"), orient="split")
for name, encoding in [("latin1.jsonl", "latin-1"), ("utf16.json", "utf-16")]:
    with open(at(name), "w", encoding=encoding) as file:
        file.write(json.dumps({"question": "é", "answer": "b"}, ensure_ascii=False) + "\n")
files = sorted(name for name in os.listdir(folder) if "." in name and name not in refused)

# --- packed rows ---


def tokens(longest, vocabulary, prompt=True):
    ids = [draw.randrange(3, vocabulary) for _ in range(draw.randrange(1, longest))]
    hidden = draw.randrange(len(ids)) if prompt else 0
    return {"input_ids": ids, "labels": [-100] * hidden + ids[hidden:]}


def as_row(batch):
    """The one row of a batch, as lists; what is a number for the whole batch stays one."""
    plain = {name: value.tolist() if torch.is_tensor(value) else value for name, value in batch.items()}
    return {name: value[0] if isinstance(value, list) and isinstance(value[0], list) else value for name, value in plain.items()}


def loss(model, batch):
    inputs = {name: torch.tensor([batch[name]]) for name in ("input_ids", "labels", "position_ids")}
    # Each sequence was cut or drawn such that something is scored.
    with torch.no_grad():
        return model(**inputs, use_cache=False).loss.item()


cases = []
for name in sorted(os.listdir(models)):
    model = AutoModelForCausalLM.from_pretrained(f"{models}/{name}", dtype=torch.float64).eval()
    vocabulary = model.config.vocab_size
    for _ in range(6):
        samples = [tokens(9, vocabulary) for _ in range(draw.randrange(2, 5))] + [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}]
        flat = as_row(DataCollatorWithFlattening(return_flash_attn_kwargs=True, return_seq_idx=True)(samples))
        cases.append({"model": name, "row": flat, "loss": loss(model, flat)})
        # First tokens scored, positions that start anywhere and jump.
        raw = tokens(20, vocabulary, prompt=False)
        raw = {key: values + [8, 9] for key, values in raw.items()}
        positions, at_position = [], draw.randrange(4)
        for _ in raw["input_ids"]:
            positions.append(at_position)
            at_position = draw.choice([at_position + 1] * 5 + [draw.randrange(8)])
        raw["position_ids"] = positions
        cases.append({"model": name, "row": raw, "loss": loss(model, raw)})
        # As SFTTrainer packs: what the data set holds, and what the collator makes of it for the model.
        packed = pack_dataset(dataset_of(samples), 32, "bfd", map_kwargs={"new_fingerprint": "packed"})
        for one in packed:
            made = as_row(DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([one]))
            if any(label >= 0 for label in made["labels"][1:]):
                cases.append({"model": name, "row": dict(one), "loss": loss(model, made)})
                cases.append({"model": name, "row": made, "loss": loss(model, made)})

with open(at("expected"), "w") as file:
    json.dump({"rows": rows, "files": files, "refused": refused, "packed": cases}, file)
print(f"{len(files)} files of {len(rows)} rows, {len(cases)} packed rows")
