"""Jobs without end, while everything that they need is killed, frozen, cut off and filled up: `make soak`."""
