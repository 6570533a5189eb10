"""Text in, text out; the prelude, written in the language."""
