"""The network: cells (one step), a cell over time, a stack of cells, and the whole."""
