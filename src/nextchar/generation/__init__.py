"""How a network writes: what it may draw (sampling) and the loop that draws it (engine)."""
