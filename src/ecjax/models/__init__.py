"""Models: the protocol of those that drive a coder, and the ones that come with the package."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.models.base import ByteModel, SymbolModel
    from ecjax.models.dequantisation import dequantise
    from ecjax.models.files import load_exact, load_model, load_transformer, save_exact, save_transformer
    from ecjax.models.integer import IntegerTransformer
    from ecjax.models.quantisation import quantise
    from ecjax.models.sizes import SIZES, TransformerConfig, configuration
    from ecjax.models.transformer import Transformer, TransformerByteModel
    from ecjax.models.unigram import Unigram

__all__ = [
    "SIZES",
    "ByteModel",
    "IntegerTransformer",
    "SymbolModel",
    "Transformer",
    "TransformerByteModel",
    "TransformerConfig",
    "Unigram",
    "configuration",
    "dequantise",
    "load_exact",
    "load_model",
    "load_transformer",
    "quantise",
    "save_exact",
    "save_transformer",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".base": ["ByteModel", "SymbolModel"],
        ".dequantisation": ["dequantise"],
        ".files": ["load_exact", "load_model", "load_transformer", "save_exact", "save_transformer"],
        ".integer": ["IntegerTransformer"],
        ".quantisation": ["quantise"],
        ".sizes": ["SIZES", "TransformerConfig", "configuration"],
        ".transformer": ["Transformer", "TransformerByteModel"],
        ".unigram": ["Unigram"],
    },
)
