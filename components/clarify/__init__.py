"""Which parts of a picture raised or lowered each detection: Shapley values of segments, with their errors."""
