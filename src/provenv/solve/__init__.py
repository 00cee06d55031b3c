"""PubGrub on integer masks. Standard library only, no input or output."""
