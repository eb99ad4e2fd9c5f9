"""What the device did meanwhile: processors, memory, graphics cards, sampled."""
