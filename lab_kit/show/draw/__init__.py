"""What every picture is made of: SVG, colours, the way onto a notebook's page."""
