"""The blueprint library that clients choose from."""
