"""Solutions of the labs' exercises, apart from the notebooks; ``lab_kit`` never imports them."""
