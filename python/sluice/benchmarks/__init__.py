"""What `sluice.bench` is made of: inputs, rules to compare with, clocks, and what they say."""
