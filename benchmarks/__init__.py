"""Other people's recipes and ours, side by side: python -m benchmarks."""
