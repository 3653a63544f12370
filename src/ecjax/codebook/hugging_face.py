"""A codebook as a tokenizer of Hugging Face's `transformers`, with the same ids.

`Codebook.to_transformers` makes one. It is a "slow" tokenizer, in Python over the codebook's own encoder: its ids are
the codebook's for every text. Once this module is imported, `transformers.AutoTokenizer` knows it too. Besides,
`save_pretrained` puts a copy of this file beside the codebook: `AutoTokenizer.from_pretrained(folder,
trust_remote_code=True)` needs no import, only that ecjax is installed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ecjax.codebook import Codebook, load_codebook

try:
    from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizer
except ImportError as error:
    raise ImportError("a Hugging Face tokenizer needs transformers: pip install 'ecjax[hf]'") from error

FILE = "codebook.safetensors"

_ROLES = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
# Of each byte, the character that stands for it in a token's name: itself if it can be seen, else one from U+0100 on.
_SEEN = [*range(33, 127), *range(161, 173), *range(174, 256)]
_UNSEEN = [byte for byte in range(256) if byte not in _SEEN]
_CHARACTERS = {byte: chr(byte) for byte in _SEEN} | {byte: chr(256 + i) for i, byte in enumerate(_UNSEEN)}
_BYTES = {ord(character): byte for byte, character in _CHARACTERS.items()}


class CodebookTokenizer(PreTrainedTokenizer):
    """A codebook's ids, special ones among them, for `transformers`.

    A text's ids are the codebook's, whatever it says: "<eos>" in it is five characters, unless the caller says
    `split_special_tokens=False`. Id 0, the empty string, is padding.
    """

    vocab_files_names = {"codebook_file": FILE}  # noqa: RUF012 (transformers has it so)
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self, codebook_file: str | Codebook, special_names: Sequence[str] = (), pad_token: Any = "<pad>", **kwargs: Any
    ) -> None:
        """A tokenizer of a codebook, or of its file; `special_names` are the special tokens that a file does not hold.

        Raises:
          ValueError: If a special token is called as a string of the codebook, or a role is given to none of them.
        """
        book = codebook_file if isinstance(codebook_file, Codebook) else load_codebook(codebook_file)
        self.codebook = book.with_special_tokens(special_names) if special_names else book
        special = self.codebook.special_tokens
        strings = [_name(string) for string in self.codebook.tokens()[1 : 1 << self.codebook.bits]]
        self._names = [str(pad_token), *strings, *special]
        self._ids = {name: i for i, name in enumerate(self._names)}
        if len(self._ids) < len(self._names):
            twice = next(name for name in (str(pad_token), *special) if self._names.count(name) > 1)
            raise ValueError(
                f"there are two tokens called {twice!r}, a special one and a string of the codebook; call the special "
                "one otherwise"
            )
        given = {role: name for role, name in _ROLES.items() if name in special} | kwargs
        for role in _ROLES:
            if given.get(role) is not None and str(given[role]) not in special:
                raise ValueError(
                    f"{role} must be one of the codebook's special tokens, got {str(given[role])!r}; see "
                    "Codebook.with_special_tokens"
                )
        roles = {str(given[role]) for role in _ROLES if given.get(role) is not None}
        rest = [name for name in special if name not in roles]
        super().__init__(
            codebook_file=codebook_file,
            special_names=list(special),
            pad_token=pad_token,
            **{"extra_special_tokens": rest, "split_special_tokens": True, "clean_up_tokenization_spaces": False}
            | given,
        )

    @property
    def vocab_size(self) -> int:
        return self.codebook.vocab_size

    def get_vocab(self) -> dict[str, int]:
        """The id of each token's name, as `transformers` wants it."""
        return self._ids | self._added_tokens_encoder

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """The ids of one text or two, with nothing added."""
        return token_ids_0 + (token_ids_1 or [])

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of tokens' names."""
        return b"".join(map(self._bytes, tokens)).decode("utf-8", "replace")

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str]:
        """Writes the codebook's file."""
        path = os.path.join(save_directory, f"{filename_prefix}-{FILE}" if filename_prefix else FILE)
        self.codebook.without_special_tokens().save(path)
        return (path,)

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        return [self._names[i] for i in self.codebook.encode(text).tolist()]

    def _convert_token_to_id(self, token: str) -> Any:
        return self._ids.get(token, self.unk_token_id)

    def _convert_id_to_token(self, index: int) -> str:
        return self._names[index]

    def _bytes(self, token: str) -> bytes:
        special = token in self._added_tokens_encoder
        return token.encode() if special else token.translate(_BYTES).encode("latin-1")


class CodebookConfig(PreTrainedConfig):
    """What `AutoTokenizer` knows the tokenizer by."""

    model_type = "ecjax-codebook"


CodebookTokenizer.register_for_auto_class("AutoTokenizer")
AutoTokenizer.register(CodebookConfig, CodebookTokenizer, exist_ok=True)


def _name(string: bytes) -> str:
    return string.decode("latin-1").translate(_CHARACTERS)
