"""How well a store is searched: questions made of its own passages or brought along, and what came of them."""
