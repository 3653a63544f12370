"""Text files to training examples: documents, slices of one length, batches, and texts packed into rows."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.data.batching import batches
    from ecjax.data.documents import concatenate, fingerprint, read_documents, token_stream, window_starts
    from ecjax.data.packing import packed
    from ecjax.data.slices import Slices, Source

__all__ = [
    "Slices",
    "Source",
    "batches",
    "concatenate",
    "fingerprint",
    "packed",
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
        ".slices": ["Slices", "Source"],
    },
    extra="train",
)
