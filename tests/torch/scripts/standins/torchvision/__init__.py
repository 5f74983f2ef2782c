"""A stand-in for torchvision: what the scripts ask of it, of the tests' own networks."""
