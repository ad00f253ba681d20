"""Today's training in mini-batches, with one file per optimizer."""
