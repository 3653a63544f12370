"""Text files and corpora to training examples: documents, slices of one length, batches, texts packed into rows."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.data.batching import batches
    from ecjax.data.documents import concatenate, fingerprint, read_documents, token_stream, window_starts
    from ecjax.data.packing import packed
    from ecjax.data.paper import END_OF_DOCUMENT, paper_examples
    from ecjax.data.slices import Slices, Source
    from ecjax.data.streaming import corpus_batches

__all__ = [
    "END_OF_DOCUMENT",
    "Slices",
    "Source",
    "batches",
    "concatenate",
    "corpus_batches",
    "fingerprint",
    "packed",
    "paper_examples",
    "read_documents",
    "token_stream",
    "window_starts",
]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {
        ".batching": ["batches"],
        ".documents": ["concatenate", "fingerprint", "read_documents", "token_stream", "window_starts"],
        ".packing": ["packed"],
        ".paper": ["END_OF_DOCUMENT", "paper_examples"],
        ".slices": ["Slices", "Source"],
        ".streaming": ["corpus_batches"],
    },
    extra="train",
)
