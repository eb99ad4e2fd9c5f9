"""What a network does to sound, and what hides it: packets lost or late, buffers, concealment."""
