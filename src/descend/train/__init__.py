"""How anything is trained: the Task contract, the engine, and what surrounds them."""
