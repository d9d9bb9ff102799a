"""Speed and memory of the layers beside the textbook loop, other libraries and the convolutions alone.

``python -m benchmarks --help`` lists what can be measured; ``make bench`` measures all of it.
"""
