"""Documents that come by a folder: a vector store that holds what lies in it, as it lies there now."""
