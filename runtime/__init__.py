"""Programs in use: the pipeline, values, cache, command line, Python."""
