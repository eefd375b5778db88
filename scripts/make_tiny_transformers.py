"""Make tiny models for the tests of the kind `sentence_transformers`: `python make_tiny_transformers.py FOLDER`.

`FOLDER/texts` is a BERT of sentence-transformers, `FOLDER/judge` a cross encoder, both with random weights;
`FOLDER/pictures` is a plain CLIP that learns within seconds what is a red square and what a blue circle, and
`FOLDER/own/wrapped` is the same as a model of sentence-transformers. Runs under a Python that has those libraries.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    PreTrainedTokenizerFast,
)

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
THINGS = (("red", "square"), ("blue", "circle"), ("green", "cross"))
_SIZE = 32
_LETTERS = "abcdefghijklmnopqrstuvwxyzăâđêôơưáàảãạéèẻẽẹíìỉĩịóòỏõọúùủũụýỳỷỹỵ0123456789.,?!:/-"


def tokenizer(words: list[str], longest: int) -> PreTrainedTokenizerFast:
    """Words that are known whole, and letters for all others."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    pieces = [*special, *words, *_LETTERS, *(f"##{one}" for one in _LETTERS)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=longest,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[CLS]",
        cls_token="[CLS]",
        eos_token="[SEP]",
        sep_token="[SEP]",
    )


def picture(colour: str, shape: str, chance: random.Random) -> Image.Image:
    """Somewhere on a grey ground."""
    ground = chance.randrange(90, 200)
    image = Image.new("RGB", (_SIZE, _SIZE), (ground, ground, ground))
    draw, size = ImageDraw.Draw(image), chance.randrange(14, 22)
    left, top = (chance.randrange(0, _SIZE - size) for _ in range(2))
    box = (left, top, left + size, top + size)
    if shape == "square":
        draw.rectangle(box, fill=COLOURS[colour])
    elif shape == "circle":
        draw.ellipse(box, fill=COLOURS[colour])
    else:
        draw.line(box, fill=COLOURS[colour], width=4)
        draw.line((left, top + size, left + size, top), fill=COLOURS[colour], width=4)
    return image


def _bert(tokens: PreTrainedTokenizerFast, **more: object) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        **more,
    )


def make_texts(folder: Path) -> None:
    """An embedder of texts, at most 32 tokens, with prompts of its own."""
    tokens, plain = tokenizer(["the", "cat", "sleeps"], 32), folder.with_name("plain")
    BertModel(_bert(tokens)).save_pretrained(plain)
    tokens.save_pretrained(plain)
    transformer = Transformer(str(plain))
    made = SentenceTransformer(
        modules=[transformer, Pooling(32, "mean")],
        prompts={"query": "ask: ", "document": "told: "},
        device="cpu",
    )
    made.save_pretrained(str(folder), create_model_card=False)


def make_judge(folder: Path) -> None:
    """A reranker."""
    tokens = tokenizer(["the", "cat", "sleeps"], 48)
    BertForSequenceClassification(_bert(tokens, num_labels=1)).save_pretrained(folder)
    tokens.save_pretrained(folder)


def make_pictures(folder: Path) -> None:
    """A CLIP that knows colours and shapes."""
    tokens = tokenizer(["a", *(word for thing in THINGS for word in thing)], 24)
    ids = {
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
    }
    shared = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}
    config = CLIPConfig(
        text_config={**shared, **ids, "vocab_size": len(tokens), "max_position_embeddings": 24},
        vision_config={**shared, "image_size": _SIZE, "patch_size": 8},
        projection_dim=24,
    )
    image_processor = CLIPImageProcessor(
        size={"shortest_edge": _SIZE}, crop_size={"height": _SIZE, "width": _SIZE}
    )
    processor = CLIPProcessor(image_processor=image_processor, tokenizer=tokens)
    model = CLIPModel(config)
    _teach(model, processor)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    wrapped = SentenceTransformer(str(folder), device="cpu")
    wrapped.save_pretrained(str(folder.parent / "own" / "wrapped"), create_model_card=False)


def _teach(model: CLIPModel, processor: CLIPProcessor) -> None:
    chance = random.Random(1)
    texts = processor(
        text=[f"a {colour} {shape}" for colour, shape in THINGS], return_tensors="pt", padding=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(60):
        images = [picture(colour, shape, chance) for colour, shape in THINGS]
        seen = processor(images=images, return_tensors="pt")
        loss = model(**texts, **seen, return_loss=True).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.05:
            break
    print(f"loss {loss.item():.3f}")
    model.eval()


def main() -> None:
    """Make all of them."""
    folder = Path(sys.argv[1])
    torch.manual_seed(7)
    torch.set_num_threads(1)
    make_texts(folder / "texts")
    make_judge(folder / "judge")
    make_pictures(folder / "pictures")


if __name__ == "__main__":
    main()
