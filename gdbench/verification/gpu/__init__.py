"""What is checked and measured on a card: parity with the CPU, ceilings, updates, sweeps beside other libraries."""
