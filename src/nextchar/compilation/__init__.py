"""Machine code: loops that are compiled when first called, and kept on disk."""
