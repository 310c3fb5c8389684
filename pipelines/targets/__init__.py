"""What a pipeline can be compiled for, and the reader of what the compiler wrote."""
