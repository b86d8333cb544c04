"""What is checked and measured on a GPU: parity with the CPU, ceilings, updates, sweeps beside other libraries."""
