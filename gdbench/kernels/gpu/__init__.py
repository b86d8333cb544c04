"""Networks trained on a GPU: whole trials in a block of threads each, or one large model by the whole GPU."""
