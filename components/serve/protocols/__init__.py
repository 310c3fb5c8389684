"""What goes over the wire: SageMaker's contract, Open Inference Protocol v2, and the formats inside both."""
