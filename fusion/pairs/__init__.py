"""Image pairs on disk: how they lie in folders, their pixels, their labels, and which of them are held out."""
