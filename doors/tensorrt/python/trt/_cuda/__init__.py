"""CUDA's Python interfaces over host memory: what scripts written for a GPU find where there is none."""
