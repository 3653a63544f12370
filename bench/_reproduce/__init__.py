"""The paper's comparison in miniature or in full: a declared grid of methods, sizes and seeds, run by run."""
