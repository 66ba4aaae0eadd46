"""Writes $1: what lm-evaluation-harness, NLTK and langdetect make of seeded answers, and the data that ours take from them.

cases.json holds for GSM8K and MATH pairs of a reference and a response with their verdicts; for IFEval rows with a response
and the verdicts, strict and loose, on each instruction; sentences and words of texts as NLTK divides them; languages of texts.
"""

import importlib.util
import json
import pathlib
import random
import re
import sys
import types

import langdetect
import nltk
import yaml


def package(name):
    """A package of the harness without its __init__, which would import models and data sets."""
    module = types.ModuleType(name)
    path = pathlib.Path(*next(p for p in map(pathlib.Path, sys.path) if (p / "lm_eval").is_dir()).parts, *name.split("."))
    module.__path__ = [str(path)]
    sys.modules[name] = module
    return path


folder = pathlib.Path(sys.argv[1])
tasks = [package(name) for name in ("lm_eval", "lm_eval.filters", "lm_eval.tasks")][-1]
for absent in ("datasets", "sacrebleu"):
    sys.modules[absent] = types.ModuleType(absent)
sys.modules["datasets"].Dataset = object
cache = pathlib.Path(importlib.util.find_spec("llama_index.core").origin).parent / "_static/nltk_cache"
nltk.data.path.insert(0, str(cache))
langdetect.DetectorFactory.seed = 0

from lm_eval.api.metrics import exact_match_hf_evaluate  # noqa: E402
from lm_eval.filters.extraction import RegexFilter  # noqa: E402
from lm_eval.tasks.hendrycks_math import utils as hendrycks  # noqa: E402
from lm_eval.tasks.ifeval import utils as ifeval  # noqa: E402

draw = random.Random(7)
spoken = json.loads(pathlib.Path(__file__).with_name("languages.json").read_text(encoding="utf8"))

# ---------------------------------------------------------------------------------------------------------------- GSM8K

gsm8k = yaml.safe_load((tasks / "gsm8k/gsm8k.yaml").read_text())
filters = {each["name"]: RegexFilter(**without) for each in gsm8k["filter_list"] for without in [dict(each["filter"][0])] if without.pop("function")}
ignore = {key: gsm8k["metric_list"][0][key] for key in ("regexes_to_ignore", "ignore_case", "ignore_punctuation")}


def gsm8k_verdicts(reference, response):
    found = {name: each.apply([[response]], [{}])[0][0] for name, each in filters.items()}
    return {
        name: bool(exact_match_hf_evaluate(predictions=[answer], references=[reference], **ignore)["exact_match"])
        for name, answer in found.items()
    }


def number():
    return draw.choice(["7", "18", "-3", "0", "1,250", "1250", "12.5", "72", "$5", "1,000,000"])


def gsm8k_case():
    wanted = number().replace("$", "")
    forms = ["#### {}", "So it is {}.\n#### {}", "The answer is {}", "{} + {} = ${}.", "####{}", "#### {} coins", "none", ""]
    forms += ["#### {}\n\nQuestion {}", "it costs ${}, or {}%", "#### x{}", "{}-{}", "  {}  "]
    numbers = [draw.choice([wanted, number()]) for _ in range(3)]
    reference, response = f"2+5=<<2+5=7>>7\n#### {wanted}", draw.choice(forms).format(*numbers)
    return {"reference": reference, "response": response, **gsm8k_verdicts(reference, response)}


# ----------------------------------------------------------------------------------------------------------------- MATH


def answer(depth=0):
    plain = ["7", "0.5", ".5", "1/2", "3/4", "x", "-2", "10\\%", "12\\text{ cm}", "\\$30", "90^\\circ", "90^{\\circ}", "1,000", "x=5"]
    plain += ["k = 5", "\\pi", "(1, 2)", "\\left(1,2\\right)", "\\{1,2\\}", "\\text{even}", "2\\!5", "{.5}", "a .5", "", "100%"]
    plain += ["\\frac12", "\\frac1{2}", "\\dfrac{1}{2}", "\\tfrac34", "\\frac{1}2", "\\sqrt3", "\\sqrt{3}", "\\frac", "\\sqrt", "\\frac1"]
    if depth > 1 or draw.random() < 0.6:
        return draw.choice(plain)
    shape = draw.choice(["\\frac{%s}{%s}", "\\dfrac{%s}{%s}", "%s + %s", "(%s,%s)", "%s\n%s", "\\left[%s, %s\\right)", "%s\\\\%s"])
    return shape % (answer(depth + 1), answer(depth + 1))


def math_case():
    left = answer()
    right = draw.choice([left, left.replace("\\dfrac", "\\frac").replace(" ", ""), answer()])
    # Theirs raises an exception for a slash between what are no whole numbers; MATH's own code does not.
    if any("/" in each and not re.fullmatch(r"\d/\d", each) for each in (left, right)):
        return None
    text = draw.choice(["Thus $\\boxed{%s}$.", "\\boxed{1} then \\boxed{%s}", "\\fbox{9} \\boxed{%s", "so $\\boxed %s$.", "none %s"]) % left
    box = hendrycks.last_boxed_only_string(text)
    return {"left": left, "right": right, "same": hendrycks.is_equiv(left, right), "text": text, "box": box and hendrycks.remove_boxed(box)}


# --------------------------------------------------------------------------------------------------------------- IFEval

# Names without endings that other languages have, so that langdetect's draws do not decide.
sentences = [
    "The train leaves the station early in the morning, and my sister is waiting there.",
    "What would you have done with all of that money, if it had been yours?",
    "Dr. Brown of the U.S. Army came at 5 p.m. sharp!",
    "I believe that nobody wants to read this letter twice...",
    "There are two apples on the table; one of them is green.",
    "\"Come here,\" she said. \"It's late.\"",
    "NASA and IBM cannot agree, e.g. on the price of $3.50.",
    "In 1999. We moved to St. Louis, Mo. Then we left.",
    "John's friends (the ones from school) aren't going to see the play at all.",
]
words = ["apple", "train", "green", "morning", "sister", "price", "love", "the", "yesterday"]
keywords = words + ["apple tree", "Brown"]
relations = ["less than", "at least"]
lines = ["* an item", "- another", "*", "** not one", "  * indented", "-", "*bold* text", "**double bold** text", "****", "***", "******"]
lines += ["Section 1", "SECTION 2: more", "Section3", "<<A title>>", "<<>>", "<< >>", "P.S. I like it", "p. s. lower", "P.P.S and so on", "P.p. s x"]
lines += ["[name] and [address]", "[ ]", "[]", "[two\nlines]", "My answer is yes.", "My answer is maybe", "", "", "Any other questions?"]
lines += ["```json", "```", '{"a": [1, NaN]}', "{}", '"quoted"', "ALL CAPITALS HERE", "x,y", "ÉTÉ Straße ǅ", "'\"apple' begins", "apple, he said"]


def text():
    some = [draw.choice(lines if draw.random() < 0.5 else sentences) for _ in range(draw.randint(1, 8))]
    return draw.choice(["\n", "\n\n", " ", "\n***\n"]).join(some)


def language_text(name):
    return " ".join(draw.choices(spoken[name], k=draw.randint(2, 4)))


def english():
    # Long, since langdetect samples it, and of its capitals knows the first letter of each word alone.
    return " ".join(draw.choices(spoken["en"], k=8))


# Of each type: parameters, and a response that has a good chance to follow.
types_of = {
    "change_case:capital_word_frequency": lambda: ({"capital_frequency": draw.randint(1, 6), "capital_relation": draw.choice(relations)}, text()),
    "change_case:english_capital": lambda: ({}, draw.choice([english().upper(), english(), language_text("ru").upper(), language_text("de").upper(), "123 !", text()])),
    "change_case:english_lowercase": lambda: ({}, draw.choice([english().lower(), english(), language_text("fr").lower(), language_text("hi"), "123 !", text()])),
    "combination:repeat_prompt": lambda: ({"prompt_to_repeat": "Write a poem. "}, draw.choice(["write A poem.\n", " Write a poem.", "Sure! Write a poem.", ""]) + text()),
    "combination:two_responses": lambda: ({}, draw.choice(["******", "\n******\n", "***"]).join(draw.choice([sentences[0], text(), "", " "]) for _ in range(draw.randint(1, 4)))),
    "detectable_content:number_placeholders": lambda: ({"num_placeholders": draw.randint(1, 3)}, text()),
    "detectable_content:postscript": lambda: ({"postscript_marker": draw.choice(["P.S.", "P.P.S", " PS: "])}, text() + draw.choice(["", "\nPS: x", "\nP.S. x", "\np.p.s x"])),
    "detectable_format:constrained_response": lambda: ({}, draw.choice([text(), "My answer is no.", "**My answer is no.**", "my answer is no."])),
    "detectable_format:json_format": lambda: ({}, draw.choice(['```json\n{"a": "b, c", "d": [1, -Infinity, null]}\n```', '{"a": NaN}', "{'a': 1}", '"NaN', "```JSON\n[]```", "12", "", '```\n{"a": 1}', '{"a": 1,}', 'Here: {"a": 1}', '\n{"NaN": "\\" NaN"}\n', text()])),
    "detectable_format:multiple_sections": lambda: ({"section_spliter": draw.choice(["Section", "SECTION", " Day "]), "num_sections": draw.randint(1, 3)}, text() + draw.choice(["", "\nDay 1 a Day 2 b", " Section 4\nSection ٣"])),
    "detectable_format:number_bullet_lists": lambda: ({"num_bullets": draw.randint(1, 4)}, text()),
    "detectable_format:number_highlighted_sections": lambda: ({"num_highlights": draw.randint(1, 4)}, "\n".join(draw.choices([*lines[:10], "*a* and **b**", "* * ** **", "*open"], k=draw.randint(1, 9)))),
    "detectable_format:title": lambda: ({}, text()),
    "keywords:existence": lambda: ({"keywords": draw.sample(keywords, k=draw.randint(1, 2))}, text()),
    "keywords:forbidden_words": lambda: ({"forbidden_words": draw.sample(keywords, k=draw.randint(1, 3))}, text()),
    "keywords:frequency": lambda: ({"keyword": draw.choice(keywords), "frequency": draw.randint(1, 3), "relation": draw.choice(relations)}, text()),
    "keywords:letter_frequency": lambda: ({"letter": draw.choice("aetqzTE"), "let_frequency": draw.randint(1, 12), "let_relation": draw.choice(relations)}, text()),
    "language:response_language": lambda: (lambda name: ({"language": name}, language_text(draw.choice([name, draw.choice(list(spoken))]))))(draw.choice(list(spoken))),
    "length_constraints:nth_paragraph_first_word": lambda: (lambda count: ({"num_paragraphs": count, "nth_paragraph": draw.randint(1, count), "first_word": draw.choice(["apple", "The", "I"])}, draw.choice(["\n\n", "\n\n", "\n"]).join(draw.choice(["", "'\"apple' it is", "apple, yes", "The end", "I am"]) for _ in range(draw.choice([count, count + 1])))))(draw.randint(1, 3)),
    "length_constraints:number_paragraphs": lambda: ({"num_paragraphs": draw.randint(1, 4)}, draw.choice(["***", "\n\n***\n\n", " *** ", "******"]).join(draw.choice([sentences[1], "a\n", "a", ""]) for _ in range(draw.randint(1, 5)))),
    "length_constraints:number_sentences": lambda: ({"num_sentences": draw.randint(1, 8), "relation": draw.choice(relations)}, text()),
    "length_constraints:number_words": lambda: ({"num_words": draw.randint(1, 80), "relation": draw.choice(relations)}, text()),
    "punctuation:no_comma": lambda: ({}, text().replace(",", draw.choice([",", "", "，"]))),
    "startend:end_checker": lambda: ({"end_phrase": draw.choice(["Any other questions?", " going to see the play at all. "])}, draw.choice(["", '"']) + text() + draw.choice(["", "\nAny Other Questions?", '\nAny other questions?"', "\nAny other questions? Bye"])),
    "startend:quotation": lambda: ({}, draw.choice(['"%s"', ' "%s"\n', "%s", '"%s', '"']).replace("%s", text())),
}
assert set(types_of) <= set(ifeval.instructions_registry.INSTRUCTION_DICT)


def ifeval_case():
    names = draw.sample(list(types_of), k=draw.choice([1, 1, 1, 2]))
    # Of two languages in one text langdetect's draws decide.
    if len(names) > 1 and any("english" in name or "language" in name for name in names):
        names = names[:1]
    made = [types_of[name]() for name in names]
    response = made[0][1]
    if draw.random() < 0.2 and "english" not in names[0] and "language" not in names[0]:
        response = f"Sure, here you are:\n{response}\nI hope that this helps."
    row = {"key": 1, "prompt": "Write a poem.", "instruction_id_list": names, "kwargs": [kwargs for kwargs, _ in made]}
    example = ifeval.InputExample(**row)
    judged = [judge(example, response) for judge in (ifeval.test_instruction_following_strict, ifeval.test_instruction_following_loose)]
    strict, loose = (each.follow_instruction_list for each in judged)
    return {"row": row, "response": response, "strict": strict, "loose": loose}


# ----------------------------------------------------------------------------------------------------- sentences, words

pieces = "Mr. Dr. U.S. etc. e.g. The However, J. K. Rowling said \"Hello.\" (Yes!) 'No?' ... wait... 3.14 In 1999. We 5. item No. 7 St. John's"
pieces += " Inc. Corp. They can't won't gonna wanna 'Tis d'ye can't. Jan. a.m. p.m. Then? I'll She'd U.N. Ph.D. «Oui.» “Hi.” ‘Ok.’ -- — – [1]. *a* **b.** #"
pieces += " ; : , $5.00 %5 & @me http://a.b.c x@y.z? ?! !! .. . NASA IBM's ABC-DEF A B. C OK.) END.\" (SEE ABOVE.) vs. 20th cannot CANNOT 1,000 a,b A,B 12:30"
pieces = [*pieces.split(" "), "x:", "”X", "Ms.", "##number##", "J.-P.", "rock-and-roll.", "ÉCOLE", "Éa", "\n", "\n\n", "\t", "ǅ"]


def division():
    mixed = draw.choice([" ", " ", " ", "  ", ""]).join(draw.choices(pieces, k=draw.randint(1, 40)))
    made = draw.choice([mixed, mixed, text()])
    return {"text": made, "sentences": nltk.sent_tokenize(made), "words": nltk.word_tokenize(made)}


# ----------------------------------------------------------------------------------------------------------------- data


def millionths(path):
    profile = json.loads(path.read_text(encoding="utf8"))
    shares = ((gram, count / profile["n_words"][len(gram) - 1]) for gram, count in profile["freq"].items() if len(gram) <= 3)
    return {gram: round(share * 1e6) for gram, share in shares if round(share * 1e6) > 0}


def languages():
    home = pathlib.Path(langdetect.__file__).parent
    kanji = re.findall(r"^NGram\.KANJI_\w+=(.*)$", (home / "utils/messages.properties").read_text(), re.M)
    return {
        "languages": {path.name: millionths(path) for path in sorted(home.glob("profiles/*"))},
        "kanji": [group.encode().decode("unicode_escape") for group in kanji],
    }


def sentence_model():
    rows = lambda name: (cache / "tokenizers/punkt_tab/english" / name).read_text(encoding="utf8").splitlines()  # noqa: E731
    contexts = {}
    for word, bits in (line.split("\t") for line in rows("ortho_context.tab")):
        contexts.setdefault(bits, []).append(word)
    return {
        "abbreviations": sorted(rows("abbrev_types.txt")),
        "collocations": sorted(line.replace("\t", " ") for line in rows("collocations.tab")),
        "starters": sorted(rows("sent_starters.txt")),
        "contexts": {bits: sorted(found) for bits, found in sorted(contexts.items())},
    }


def write(name, value):
    (folder / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf8")


write("languages.json", languages())
write("sentences.json", sentence_model())
write(
    "cases.json",
    {
        "gsm8k": [gsm8k_case() for _ in range(1000)],
        "math": [case for case in (math_case() for _ in range(3000)) if case],
        "ifeval": [ifeval_case() for _ in range(6000)],
        "divisions": [division() for _ in range(2000)],
        "languages": [{"text": language_text(name), "language": name} for name in spoken for _ in range(4)],
    },
)
