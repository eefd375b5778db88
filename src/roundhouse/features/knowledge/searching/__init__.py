"""Finding passages: by their words and by their meaning, weighed by what was measured of the store itself."""
