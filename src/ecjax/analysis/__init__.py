"""What tokens are like, and what of them can be learnt: the analyses of arXiv 2404.03626, sec. 6 and appendices."""

from ecjax.analysis.distances import edit_distance, prefix_distances, replace_first_word
from ecjax.analysis.divergence import (
    Divergences,
    bits_of,
    cut_tokens,
    divergences,
    miller_madow_entropy,
    overlapping_ngrams,
    plug_in_entropy,
)
from ecjax.analysis.information import WindowInformation, window_information
from ecjax.analysis.positions import (
    PositionScores,
    bytes_by_position,
    certain_texts,
    scores_by_position,
    token_texts,
    tokens_per_window,
    windows_of,
)
from ecjax.analysis.sequences import (
    Pairs,
    SequenceAccuracy,
    Vocabulary,
    compression,
    decompression,
    sequence_accuracy,
    spelling,
)
from ecjax.analysis.stability import Stability, readings, stability, stability_by_position, window_stability

__all__ = [
    "Divergences",
    "Pairs",
    "PositionScores",
    "SequenceAccuracy",
    "Stability",
    "Vocabulary",
    "WindowInformation",
    "bits_of",
    "bytes_by_position",
    "certain_texts",
    "compression",
    "cut_tokens",
    "decompression",
    "divergences",
    "edit_distance",
    "miller_madow_entropy",
    "overlapping_ngrams",
    "plug_in_entropy",
    "prefix_distances",
    "readings",
    "replace_first_word",
    "scores_by_position",
    "sequence_accuracy",
    "spelling",
    "stability",
    "stability_by_position",
    "token_texts",
    "tokens_per_window",
    "window_information",
    "window_stability",
    "windows_of",
]
