"""The pages: what people see of pools, evidence and the network."""
