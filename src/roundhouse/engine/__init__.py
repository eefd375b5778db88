"""Engine room: one door to every model. It chooses, fits in memory, calls, caches and falls back."""
