"""Compiled code for a CPU: pointwise steps, convolutions and a whole LSTM by the matrix unit."""
